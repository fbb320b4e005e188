/** ENV, LABEL and ARG. */
import { parseFlags } from '../flags.ts'
import { cut } from '../go-text.ts'
import type { Arg, KeyValue } from '../instruction.ts'
import type { Node } from '../node.ts'
import { describedBy } from './description.ts'
import { atLeastOneArgument, blankNames } from './messages.ts'

export function parsePairs(
  node: Node,
  kind: 'env' | 'label',
): { kind: 'env' | 'label'; pairs: KeyValue[] } {
  const keyword = kind.toUpperCase()
  parseFlags(node.flags, {})
  if (node.pairs.length === 0) throw atLeastOneArgument(keyword)
  if (node.pairs.some(({ key }) => key === '')) throw blankNames(keyword)
  return {
    kind,
    pairs: node.pairs.map(({ key, value, legacy }) => ({ key, value, ...(legacy && { legacy }) })),
  }
}

/** Flags in front of it mean nothing. */
export function parseArg(node: Node, comments: readonly string[]): { kind: 'arg'; args: Arg[] } {
  if (node.args.length === 0) throw atLeastOneArgument('ARG')
  const args = node.args.map((word) => {
    const { before: key, after: value } = cut(word, '=')
    if (key === '' && value !== undefined) throw blankNames('ARG')
    return { key, ...(value !== undefined && { value }), description: describedBy(comments, key) }
  })
  return { kind: 'arg', args }
}
