/**
 * What happens in a build, as data: for displays and for the history of builds. The shapes are those
 * of BuildKit's `SolveStatus` in JSON (client/graph.go), so that readers of `--progress=rawjson` find
 * what they know.
 */

/** A step. Told again, whole, whenever something about it changes. */
export interface Vertex {
  /** Of this build: `sha256:` of stage and place. */
  digest: string
  inputs: readonly string[]
  /** As a display names it: `[build 2/5] RUN make`. */
  name: string
  /** RFC 3339. */
  started?: string
  completed?: string
  cached?: boolean
  error?: string
}

/** Something that grows within a step: a download, a context on its way. */
export interface VertexStatus {
  id: string
  vertex: string
  name: string
  /** Bytes; 0 for not known. */
  total: number
  current: number
  timestamp: string
  started?: string
  completed?: string
}

/** Output of a step's command. */
export interface VertexLog {
  vertex: string
  /** 1 stdout, 2 stderr. */
  stream: 1 | 2
  data: string
  timestamp: string
}

export interface VertexWarning {
  vertex: string
  level: number
  short: string
  detail: readonly string[]
  url: string
  /** Of the Dockerfile, from 1. */
  lines?: { start: number; end: number }
}

export interface SolveStatus {
  vertexes?: readonly Vertex[]
  statuses?: readonly VertexStatus[]
  logs?: readonly VertexLog[]
  warnings?: readonly VertexWarning[]
  /** The place in the Dockerfile that the build failed at, with the lines around it: ours. */
  excerpt?: string
}

export type TraceListener = (status: SolveStatus) => void
