import { FlagSet } from '../../flag/flag-set.ts'
import type { Flag } from '../../flag/flag-set.ts'
import type { Streams } from '../cli.ts'
import { defineGlobalFlags, hiddenHelp, ProcessCli } from '../global.ts'
import { findCommand, sections } from '../tree.ts'
import type { Leaf, Node } from '../tree/node.ts'
import { namesOf } from './names.ts'
import type { Candidate } from './names.ts'
import { valuesOf } from './values.ts'

/** Bits of the last line, cobra's: no space behind the word; do not complete paths. */
const noSpace = 2
const noFiles = 4

interface Answer {
  readonly candidates: readonly Candidate[]
  readonly directive: number
}

const nothing: Answer = { candidates: [], directive: noFiles }
const paths: Answer = { candidates: [], directive: 0 }

/**
 * `__complete WORD...`: what the last word may become, one per line with a description behind a
 * tab, and in the last line `:DIRECTIVE`. Never fails: a shell has no use for errors.
 */
export async function complete(
  words: readonly string[],
  streams: Streams,
  options: { readonly env: ProcessCli['env']; readonly descriptions: boolean },
): Promise<void> {
  const typed = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const flags = new FlagSet()
  const cli = new ProcessCli(defineGlobalFlags(flags, options.env), options.env, streams)
  try {
    const { candidates, directive } = await answer(cli, flags, typed, current)
    const fitting = candidates.filter(({ word }) => word.startsWith(current))
    const lines = fitting.map(({ word, description }) =>
      options.descriptions && description ? `${word}\t${description}` : word,
    )
    cli.print([...lines, `:${directive}`, ''].join('\n'))
  } finally {
    cli.close()
  }
}

async function answer(
  cli: ProcessCli,
  globals: FlagSet,
  typed: readonly string[],
  current: string,
): Promise<Answer> {
  const before = scan(globals, typed, true)
  const words = before.positional
  if (words.length === 0) return flagOr(cli, globals, before, current, () => topLevel())
  const found = findCommand(words)
  if (!found) return nothing
  if (found.node.kind === 'group') {
    return found.rest.length > 0 ? nothing : { candidates: list(found.node.commands), directive: 4 }
  }
  return completeLeaf(cli, found.node, found.rest, current)
}

function topLevel(): Answer {
  return { candidates: sections.flatMap(({ nodes }) => list(nodes)), directive: noFiles }
}

function list(nodes: Readonly<Record<string, Node>>): Candidate[] {
  return Object.entries(nodes).map(([word, { summary }]) => ({ word, description: summary }))
}

async function completeLeaf(
  cli: ProcessCli,
  leaf: Leaf,
  rest: readonly string[],
  current: string,
): Promise<Answer> {
  const { command } = await leaf.load()
  const flags = new FlagSet()
  command.define(flags)
  if (!flags.flags.has('help')) hiddenHelp(flags)
  const before = scan(flags, rest, command.stopAtArgument === true)
  if (before.ended) return paths
  return flagOr(cli, flags, before, current, async () => {
    const kinds = leaf.completes ?? []
    const kind = kinds[Math.min(before.positional.length, kinds.length - 1)]
    if (kind === undefined) return nothing
    if (kind === 'files') return paths
    const names = await namesOf(cli, kind)
    const fresh = names.filter(({ word }) => !before.positional.includes(word))
    return { candidates: fresh, directive: noFiles }
  })
}

/** The word is a flag, or the value of one, or something else. */
async function flagOr(
  cli: ProcessCli,
  flags: FlagSet,
  before: Scan,
  current: string,
  other: () => Answer | Promise<Answer>,
): Promise<Answer> {
  if (before.open) return values(cli, before.open.spec.name, current, '')
  const [, name, value] = /^--([^=]+)=(.*)$/s.exec(current) ?? []
  if (name !== undefined && flags.flags.has(name)) {
    return values(cli, name, value ?? '', `--${name}=`)
  }
  if (!before.terminated && current.startsWith('-')) {
    return { candidates: flagWords(flags), directive: noFiles }
  }
  return other()
}

async function values(
  cli: ProcessCli,
  flag: string,
  typed: string,
  prefix: string,
): Promise<Answer> {
  const { candidates, files } = await valuesOf(cli, flag, typed)
  if (files) return paths
  const goesOn = candidates.some(({ word }) => word.startsWith(typed) && /[:=]$/.test(word))
  return {
    candidates: candidates.map((one) => ({ ...one, word: prefix + one.word })),
    directive: noFiles | (goesOn ? noSpace : 0),
  }
}

function flagWords(flags: FlagSet): Candidate[] {
  return [...flags.flags]
    .filter(([name, flag]) => !flag.spec.hidden && name === flag.spec.name)
    .map(([name, flag]) => ({
      word: `--${name}`,
      description: flag.spec.usage.split('\n', 1)[0] as string,
    }))
    .sort((a, b) => (a.word < b.word ? -1 : 1))
}

/** What the words before the current one mean. */
interface Scan {
  readonly positional: string[]
  /** The last word is a flag that wants a value. */
  readonly open?: Flag<unknown>
  /** `--` was given. */
  readonly terminated: boolean
  /** Words of another program have begun. */
  readonly ended: boolean
}

/** Goes over the words as the parser does, but takes wrong ones in its stride. */
function scan(flags: FlagSet, words: readonly string[], stopAtArgument: boolean): Scan {
  const positional: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (word === '--') {
      positional.push(...words.slice(i + 1))
      return { positional, terminated: true, ended: false }
    }
    if (!word.startsWith('-') || word === '-') {
      if (!stopAtArgument) {
        positional.push(word)
        continue
      }
      positional.push(...words.slice(i))
      return { positional, terminated: true, ended: true }
    }
    const open = wantsValue(flags, word)
    if (!open) continue
    const value = words[i + 1]
    if (value === undefined) return { positional, open, terminated: false, ended: false }
    set(open, value)
    i++
  }
  return { positional, terminated: false, ended: false }
}

/** The flag of the word if its value is the next word; a value inside the word is set. */
function wantsValue(flags: FlagSet, word: string): Flag<unknown> | undefined {
  const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
  if (name !== undefined) {
    const flag = flags.flags.get(name)
    if (flag && value !== undefined) set(flag, value)
    return flag && value === undefined && flag.spec.noValue === undefined ? flag : undefined
  }
  for (const [at, letter] of [...word.slice(1)].entries()) {
    const flag = flags.byLetter(letter)
    if (!flag) return undefined
    if (flag.spec.noValue !== undefined) continue
    const rest = word.slice(at + 2)
    if (rest === '') return flag
    set(flag, rest.replace(/^=/, ''))
    return undefined
  }
  return undefined
}

function set(flag: Flag<unknown>, value: string): void {
  try {
    flag.set(value)
  } catch {
    // The command will say so when it is run.
  }
}
