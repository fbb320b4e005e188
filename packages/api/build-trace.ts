/**
 * What happens in a build, as `POST /build?trace=1` (a parameter of ours) tells it: messages with this
 * id whose `aux` is BuildKit's `SolveStatus` in JSON (client/graph.go), as `--progress=rawjson` prints.
 */
export const BUILD_TRACE_ID = 'tdocker.build.trace'

export interface WireSolveStatus {
  vertexes?: WireVertex[]
  statuses?: WireVertexStatus[]
  logs?: WireVertexLog[]
  warnings?: WireVertexWarning[]
  /** Ours: where in the Dockerfile the build failed, with the lines around it. */
  excerpt?: string
}

export interface WireVertex {
  digest: string
  inputs?: string[]
  name: string
  /** RFC 3339. */
  started?: string
  completed?: string
  cached?: boolean
  error?: string
}

export interface WireVertexStatus {
  id: string
  vertex: string
  name?: string
  /** Bytes. */
  total?: number
  current: number
  timestamp: string
  started?: string
  completed?: string
}

export interface WireVertexLog {
  vertex: string
  /** 1 stdout, 2 stderr. */
  stream: number
  /** base64, as Go writes bytes. */
  data: string
  timestamp: string
}

export interface WireVertexWarning {
  vertex: string
  level?: number
  /** base64. */
  short: string
  detail?: string[]
  url?: string
  range?: Array<{
    start: { line: number; character: number }
    end: { line: number; character: number }
  }>
}
