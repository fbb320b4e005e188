/**
 * What a row of the matrix says of one field of `POST /containers/create`: how it is set, what the
 * kernel then shows, how inspect reads it back, and with what words bad values are refused. Rows are
 * data; `runner.ts` acts on them.
 */
import type { Seen } from './seen.ts'
import type { World } from './world.ts'

export interface Field {
  /** `Config.User`, `HostConfig.Memory`. */
  name: string
  cases: readonly Case[]
  bad?: readonly Bad[]
}

/** Plain, or what depends on the machine: block devices, the other container's id. */
export type Value<T = unknown> = T | ((world: World) => T)

export interface Case {
  /** What is special about it; for the test's name. */
  what?: string
  /** The field's value. */
  set: Value
  /** The rest of the request; a command that waits, and no network, where nothing is said. */
  config?: Value<object>
  host?: Value<object>
  networking?: object
  /** A command of the container's own: a script of busybox's shell; its output is `seen.output`. */
  script?: string
  /** What the kernel is asked. */
  see?: (seen: Seen) => unknown
  /** What it answers. A regular expression is matched against the text of the answer. */
  expect?: unknown
  /** What inspect shows of the field, where it is not what was set. */
  shown?: Value
  warns?: readonly (string | RegExp)[]
  /** Only created: starting would need, or change, more than a test may. */
  unstarted?: boolean
  /** Why the case cannot be seen on this machine; undefined where it can. */
  unless?: (world: World) => string | undefined
}

export interface Bad {
  what?: string
  set: Value
  config?: Value<object>
  host?: Value<object>
  networking?: object
  version?: string
  /** `create` where nothing is said. */
  at?: 'create' | 'start'
  status: number
  says: string | RegExp
  unless?: (world: World) => string | undefined
}

/** Answers that differ between the two versions of cgroups. */
export class PerVersion {
  readonly v1: unknown
  readonly v2: unknown
  constructor(v1: unknown, v2: unknown) {
    this.v1 = v1
    this.v2 = v2
  }
}

export const perVersion = (v1: unknown, v2: unknown): PerVersion => new PerVersion(v1, v2)

export const config = (name: string, cases: readonly Case[], bad: readonly Bad[] = []): Field => ({
  name: `Config.${name}`,
  cases,
  bad,
})

export const host = (name: string, cases: readonly Case[], bad: readonly Bad[] = []): Field => ({
  name: `HostConfig.${name}`,
  cases,
  bad,
})

/** 400 at create with this sentence. */
export const refused = (set: Value, says: string | RegExp, o: Partial<Bad> = {}): Bad => ({
  set,
  status: 400,
  says,
  ...o,
})

/** 500 at start, as what Docker finds out when it writes the runtime's specification. */
export const failsToStart = (set: Value, says: string | RegExp, o: Partial<Bad> = {}): Bad => ({
  set,
  at: 'start',
  status: 500,
  says,
  ...o,
})

/** In words of the OCI runtime, passed through. */
export const runtimeSays = (reason: string): string =>
  `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ${reason}`
