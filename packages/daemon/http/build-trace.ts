/** A build's trace on the wire: Go's form of bytes and of what is empty. */
import { BUILD_TRACE_ID, type WireSolveStatus } from '@tdocker/api/build-trace.ts'
import type { SolveStatus } from '@tdocker/engine/build/solve/trace.ts'
import type { ProgressMessage } from './backend.ts'

export function traceMessage(status: SolveStatus): ProgressMessage {
  return { id: BUILD_TRACE_ID, aux: wireStatus(status) }
}

function wireStatus({ vertexes, statuses, logs, warnings, excerpt }: SolveStatus): WireSolveStatus {
  return {
    ...(vertexes && {
      vertexes: vertexes.map(({ inputs, ...rest }) => ({
        ...rest,
        ...(inputs.length > 0 && { inputs: [...inputs] }),
      })),
    }),
    ...(statuses && {
      statuses: statuses.map(({ total, ...rest }) => ({ ...rest, ...(total > 0 && { total }) })),
    }),
    ...(logs && { logs: logs.map((log) => ({ ...log, data: base64(log.data) })) }),
    ...(warnings && {
      warnings: warnings.map(({ vertex, level, short, detail, url, lines }) => ({
        vertex,
        level,
        short: base64(short),
        detail: detail.map(base64),
        url,
        ...(lines && {
          range: [{ start: at(lines.start), end: at(lines.end) }],
        }),
      })),
    }),
    ...(excerpt !== undefined && { excerpt }),
  }
}

function at(line: number): { line: number; character: number } {
  return { line, character: 0 }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
