/** What a step does, as data: an instruction with its variables expanded, and the config after it. */
import type { RunMount } from '../dockerfile/instruction.ts'
import type { RuntimeConfig } from '../needs.ts'

export type Operation = {
  /** The image's from here on. */
  config: RuntimeConfig
  /** `container_config.Cmd` and, joined, the history's `created_by`, as moby's builder writes them. */
  createdBy: string[]
  /** Set by MAINTAINER. */
  author: string
} & (
  | { kind: 'config' }
  | { kind: 'workdir'; path: string }
  | {
      kind: 'run'
      command: string[]
      /** With the build arguments in scope. */
      env: string[]
      /** Proxies: in the process' environment, in neither key nor history. */
      hiddenEnv: string[]
      mounts: RunMount[]
      network: 'default' | 'none' | 'host'
      /** A heredoc with `#!`: a file at `/dev/pipes/NAME`. */
      script: { name: string; data: string } | undefined
      /** Without it the container's own. */
      hostname?: string
    }
  | CopyOperation
)

export interface CopyOperation {
  kind: 'copy'
  instruction: 'COPY' | 'ADD'
  /** Stage, image or named context; empty for the build context. */
  from: string
  sources: string[]
  files: Array<{ name: string; data: string }>
  destination: string
  /** Where a relative destination begins. */
  workingDir: string
  chown: string
  chmod: string
  exclude: string[]
  parents: boolean
  link: boolean
  checksum: string
  /** Of git; undefined where it was not said. */
  keepGitDir?: boolean | undefined
  /** Archives become what is in them: undefined for ADD's own rule. */
  unpack: boolean | undefined
}

/** All below a path, to the root of nothing, as it is: a COPY that no Dockerfile says. */
export function plainCopy(
  o: Pick<Operation, 'config' | 'createdBy'> & { from: string; source: string },
): CopyOperation & Operation {
  return {
    kind: 'copy',
    config: o.config,
    createdBy: o.createdBy,
    author: '',
    instruction: 'COPY',
    from: o.from,
    sources: [o.source],
    files: [],
    destination: '/',
    workingDir: '/',
    chown: '',
    chmod: '',
    exclude: [],
    parents: false,
    link: false,
    checksum: '',
    unpack: false,
  }
}
