/** CMD, ENTRYPOINT, SHELL. */
import { parseFlags } from '../flags.ts'
import type { CommandLine } from '../instruction.ts'
import type { Node } from '../node.ts'
import { atLeastOneArgument } from './messages.ts'

/** Exec form: the arguments; shell form: one text, or none where nothing was written. */
export function commandLine(node: Node): CommandLine {
  const files = node.heredocs.map(({ name, content, chomp }) => ({ name, data: content, chomp }))
  return { words: node.args, shell: !node.json, files }
}

export function parseCommand<K extends 'cmd' | 'entrypoint'>(
  node: Node,
  kind: K,
): { kind: K; command: CommandLine } {
  parseFlags(node.flags, {})
  return { kind, command: commandLine(node) }
}

export function parseShell(node: Node): { kind: 'shell'; words: string[] } {
  parseFlags(node.flags, {})
  if (node.args.length === 0) throw atLeastOneArgument('SHELL')
  if (!node.json) throw new Error('SHELL requires the arguments to be in JSON form')
  return { kind: 'shell', words: node.args }
}
