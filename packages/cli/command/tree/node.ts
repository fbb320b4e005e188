import type { Command } from '../command.ts'

/** What the positional words of a verb name: shells complete them by asking the daemon. */
export type Completes =
  | 'containers'
  | 'running'
  | 'stopped'
  | 'paused'
  | 'unpaused'
  | 'images'
  | 'builds'
  | 'networks'
  | 'volumes'
  | 'objects'
  | 'plugins'
  | 'contexts'
  | 'files'

/** A verb whose code is loaded when it is called. */
export interface Leaf {
  readonly kind: 'leaf'
  readonly summary: string
  readonly load: () => Promise<{ readonly command: Command }>
  /** Per position; the last one counts for all that follow. Absent: nothing to complete. */
  readonly completes?: readonly Completes[]
  /** Works, but is not listed. */
  readonly hidden?: true
}

/** A noun with verbs under it. */
export interface Group {
  readonly kind: 'group'
  readonly summary: string
  readonly commands: Readonly<Record<string, Leaf>>
  /** Other names of its verbs: `container ps` is `container ls`. */
  readonly aliases: Readonly<Record<string, string>>
  /** Stands behind its name in the usage line of errors, as in docker's. */
  readonly use?: 'COMMAND'
}

export type Node = Leaf | Group

export function leaf(summary: string, load: Leaf['load'], ...completes: Completes[]): Leaf {
  return { kind: 'leaf', summary, load, ...(completes.length > 0 ? { completes } : {}) }
}
