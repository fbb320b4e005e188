/** Instructions with one text or a list of words. */
import { parseFlags } from '../flags.ts'
import { trimSpace } from '../go-text.ts'
import type { Node } from '../node.ts'
import { atLeastOneArgument, exactlyOneArgument } from './messages.ts'

type Simple = 'user' | 'workdir' | 'stopsignal' | 'maintainer'

export function parseSimple(node: Node, kind: Simple): { kind: Simple; value: string } {
  if (node.args.length !== 1) throw exactlyOneArgument(kind.toUpperCase())
  // Flags in front of STOPSIGNAL mean nothing.
  if (kind !== 'stopsignal') parseFlags(node.flags, {})
  return { kind, value: node.args[0]! }
}

export function parseExpose(node: Node): { kind: 'expose'; ports: string[] } {
  if (node.args.length === 0) throw atLeastOneArgument('EXPOSE')
  parseFlags(node.flags, {})
  return { kind: 'expose', ports: node.args.toSorted() }
}

export function parseVolume(node: Node): { kind: 'volume'; paths: string[] } {
  if (node.args.length === 0) throw atLeastOneArgument('VOLUME')
  parseFlags(node.flags, {})
  const paths = node.args.map(trimSpace)
  if (paths.includes('')) throw new Error('VOLUME specified can not be an empty string')
  return { kind: 'volume', paths }
}
