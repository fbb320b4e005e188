/**
 * What a Dockerfile says, as data: typed instructions after parsing, before variables are expanded.
 * `parse-dockerfile.ts` makes it, `graph/` turns it into operations. Words follow the Dockerfile
 * reference; forms follow BuildKit's parser.
 */

/** Lines of the Dockerfile, from 1, both included. */
export interface Lines {
  start: number
  end: number
}

interface Base {
  lines: Lines
  /** As it stands in the file, continuation lines joined: what progress and history show. */
  source: string
  /** The keyword as written: `RUN`, `run`. */
  name: string
  /** `# check=` in a comment right above. */
  check?: CheckOptions
}

export interface KeyValue {
  key: string
  value: string
  /** Written as `ENV key value`. */
  legacy?: boolean
}

export interface Arg {
  key: string
  value?: string
  /** From a comment right above that begins with the key. */
  description: string
}

/** A CDI device of `RUN --device`. */
export interface RunDevice {
  name: string
  required: boolean
}

/** What `# check=` says. */
export interface CheckOptions {
  skip: readonly string[]
  skipAll: boolean
  experimental: readonly string[]
  experimentalAll: boolean
  /** A finding is an error. */
  error: boolean
}

/** A heredoc that becomes a file. */
export interface InlineFile {
  /** The word behind `<<`. */
  name: string
  data: string
  /** Variables in it are expanded (the word was not quoted). */
  expand: boolean
}

/** Shell form, exec form, or a shell form whose script is heredocs. */
export interface CommandLine {
  /** Exec form: the arguments; shell form: one string. */
  words: string[]
  /** The shell (SHELL, else /bin/sh -c) goes before it. */
  shell: boolean
  files: ReadonlyArray<{ name: string; data: string; chomp: boolean }>
}

export type RunMount = {
  target: string
  readOnly: boolean
} & (
  | { type: 'bind'; from: string; source: string }
  | {
      type: 'cache'
      from: string
      source: string
      id: string
      sharing: 'shared' | 'private' | 'locked'
      mode?: number
      uid?: number
      gid?: number
    }
  | { type: 'tmpfs'; /** Bytes. */ size?: number }
  | {
      type: 'secret' | 'ssh'
      id: string
      required: boolean
      /** Secret only: name of a variable that carries it; without a target no file is made. */
      env?: string
      mode?: number
      uid?: number
      gid?: number
    }
)

export interface Healthcheck {
  /** `NONE`, `CMD` or `CMD-SHELL` and the rest; nanoseconds, 0 for unset. */
  test: string[]
  interval: number
  timeout: number
  startPeriod: number
  startInterval: number
  retries: number
}

interface CopyFlags {
  sources: string[]
  files: InlineFile[]
  destination: string
  chown: string
  chmod: string
  link: boolean
  exclude: string[]
}

export type Instruction = Base &
  (
    | {
        kind: 'run'
        command: CommandLine
        /** Unparsed `--mount` values: they may hold variables. */ mounts: string[]
        network: 'default' | 'none' | 'host'
        security: 'sandbox' | 'insecure'
        devices: RunDevice[]
      }
    | ({ kind: 'copy'; from: string; parents: boolean } & CopyFlags)
    | ({ kind: 'add'; checksum: string; keepGitDir?: boolean; unpack?: boolean } & CopyFlags)
    | { kind: 'env' | 'label'; pairs: KeyValue[] }
    | { kind: 'arg'; args: Arg[] }
    | { kind: 'cmd' | 'entrypoint'; command: CommandLine }
    | { kind: 'expose'; ports: string[] }
    | { kind: 'volume'; paths: string[] }
    | { kind: 'user' | 'workdir' | 'stopsignal' | 'maintainer' | 'onbuild'; value: string }
    | { kind: 'shell'; words: string[] }
    | { kind: 'healthcheck'; health: Healthcheck }
  )

export interface Stage {
  /** Lower case; empty without a name. */
  name: string
  /** Image, stage or named context; may hold variables. */
  base: string
  /** `--platform`, unexpanded. */
  platform: string
  lines: Lines
  source: string
  /** `FROM` as written. */
  keyword: string
  /** From a comment right above that begins with the stage's name. */
  description: string
  /** `# check=` in a comment right above. */
  check?: CheckOptions
  instructions: Instruction[]
}

export interface Warning {
  /** Name of the check, e.g. `StageNameCasing`. */
  rule: string
  description: string
  url: string
  detail: string
  lines: Lines
}

export interface Dockerfile {
  /** `ARG`s before the first `FROM`. */
  args: Array<Extract<Instruction, { kind: 'arg' }>>
  stages: Stage[]
  escape: '\\' | '`'
  /** `# syntax=`: the image it names. */
  syntax: string | undefined
  /** `# check=`: rules that are skipped, and whether a finding is an error. */
  check: CheckOptions
  /** Of the file as a whole; `checks/` has those that the graph finds instruction by instruction. */
  warnings: Warning[]
}

/** Something is wrong at these lines; the message is BuildKit's. */
export class DockerfileError extends Error {
  readonly lines: Lines | undefined
  /** Found while lines were read, before they had a meaning. */
  isSyntax = false
  constructor(message: string, lines?: Lines, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DockerfileError'
    this.lines = lines
  }
}
