/** COPY and ADD. */
import { parseFlags } from '../flags.ts'
import { chompTabs, findHeredoc } from '../heredoc.ts'
import type { InlineFile, Instruction } from '../instruction.ts'
import type { Node } from '../node.ts'

type Of<K extends Instruction['kind']> = Omit<
  Extract<Instruction, { kind: K }>,
  'lines' | 'source' | 'name' | 'check'
>

const COMMON = { chown: 'string', chmod: 'string', link: 'bool', exclude: 'strings' } as const
const COPY = { ...COMMON, from: 'string', parents: 'bool' } as const
const ADD = { ...COMMON, 'keep-git-dir': 'bool', checksum: 'string', unpack: 'bool' } as const

export function parseCopy(node: Node): Of<'copy'> {
  needDestination(node, 'COPY')
  const flags = parseFlags(node.flags, COPY)
  return {
    kind: 'copy',
    ...parsePaths(node, 'COPY'),
    ...commonFlags(flags),
    from: flags.from ?? '',
    parents: flags.parents ?? false,
  }
}

export function parseAdd(node: Node): Of<'add'> {
  needDestination(node, 'ADD')
  const flags = parseFlags(node.flags, ADD)
  const keepGitDir = flags['keep-git-dir']
  return {
    kind: 'add',
    ...parsePaths(node, 'ADD'),
    ...commonFlags(flags),
    checksum: flags.checksum ?? '',
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(flags.unpack !== undefined && { unpack: flags.unpack }),
  }
}

function needDestination(node: Node, keyword: string): void {
  if (node.args.length >= 2) return
  throw new Error(
    `${keyword} requires at least two arguments, but only one was provided. ` +
      'Destination could not be determined',
  )
}

function commonFlags(flags: {
  chown?: string
  chmod?: string
  link?: boolean
  exclude?: string[]
}): { chown: string; chmod: string; link: boolean; exclude: string[] } {
  return {
    chown: flags.chown ?? '',
    chmod: flags.chmod ?? '',
    link: flags.link ?? false,
    exclude: flags.exclude ?? [],
  }
}

function parsePaths(
  node: Node,
  keyword: string,
): { sources: string[]; files: InlineFile[]; destination: string } {
  const destination = node.args.at(-1)!
  if (findHeredoc(destination)) {
    throw new Error(`${keyword} cannot accept a heredoc as a destination`)
  }
  const contents = new Map(node.heredocs.map(({ name, content }) => [name, content]))
  const sources: string[] = []
  const files: InlineFile[] = []
  for (const source of node.args.slice(0, -1)) {
    const heredoc = findHeredoc(source)
    if (!heredoc) {
      sources.push(source)
      continue
    }
    const content = contents.get(heredoc.name) ?? ''
    const data = heredoc.chomp ? chompTabs(content) : content
    files.push({ name: heredoc.name, data, expand: heredoc.expand })
  }
  return { sources, files, destination }
}
