import type { Cli } from './cli.ts'
import type { FlagSet } from '../flag/flag-set.ts'

/** How many positional words a command takes. */
export type ArgsRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'exactly'; readonly count: number }
  | { readonly kind: 'atLeast'; readonly count: number }
  | { readonly kind: 'atMost'; readonly count: number }
  | { readonly kind: 'between'; readonly least: number; readonly most: number }

export type Action = (cli: Cli, args: string[]) => Promise<void>

/** One verb: what its help page says, what it takes, and what it does. */
export interface Command {
  /** What follows the command's path in its usage line. */
  readonly use: string
  /** Other forms of the same, for further usage lines. */
  readonly uses?: readonly string[]
  readonly short: string
  /** All paths it is reached by; shown where there is more than one. */
  readonly aliases?: readonly string[]
  readonly args: ArgsRule
  /** Words of another number that mean something as well. */
  readonly accepts?: (words: readonly string[]) => boolean
  /** True for commands that run other commands: flags end at the first positional word. */
  readonly stopAtArgument?: boolean
  /** Declares the flags and answers what to do once they are parsed. */
  readonly define: (flags: FlagSet) => Action
}

export function checkArgs(rule: ArgsRule, count: number): string | undefined {
  const plural = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`
  if (rule.kind === 'none') return count === 0 ? undefined : 'accepts no arguments'
  if (rule.kind === 'exactly')
    return count === rule.count ? undefined : `requires ${plural(rule.count)}`
  if (rule.kind === 'atLeast') {
    return count >= rule.count ? undefined : `requires at least ${plural(rule.count)}`
  }
  if (rule.kind === 'between') {
    const { least, most } = rule
    if (count >= least && count <= most) return undefined
    return `requires at least ${least} and at most ${plural(most)}`
  }
  return count <= rule.count ? undefined : `requires at most ${plural(rule.count)}`
}
