/** A json-file log of any size, put in the place of a container's own. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestDaemon } from '../../lib/test-daemon.ts'

const BEGIN_MS = Date.UTC(2026, 0, 1)
/** Bytes of a line as the container wrote it; its number comes first. */
export const TEXT_SIZE = 83

export interface BigLog {
  id: string
  lines: number
  /** RFC 3339. */
  timeOf(line: number): string
  textOf(line: number): string
}

/** One line per millisecond. */
export async function makeBigLog(daemon: TestDaemon, bytes: number): Promise<BigLog> {
  const id = await daemon.run({ Cmd: ['true'], HostConfig: { NetworkMode: 'none' } })
  await daemon.wait(id)
  const path = join(daemon.dataRoot, 'containers', id, `${id}-json.log`)
  const timeOf = (line: number): string => new Date(BEGIN_MS + line).toISOString()
  const textOf = (line: number): string => `${String(line).padEnd(TEXT_SIZE - 1, ' abcdef')}\n`
  const file = openSync(path, 'w')
  let lines = 0
  for (let written = 0; written < bytes;) {
    const part: string[] = []
    for (let i = 0; i < 10_000; i++, lines++)
      part.push(
        `{"log":"${textOf(lines).slice(0, -1)}\\n","stream":"stdout","time":"${timeOf(lines)}"}\n`,
      )
    written += writeSync(file, part.join(''))
  }
  closeSync(file)
  return { id, lines, timeOf, textOf }
}

/** Reads a log and counts; milliseconds to the end, bytes of payload. */
export async function readSpeed(
  daemon: TestDaemon,
  id: string,
  query: string,
): Promise<{ ms: number; bytes: number; first: string; last: string }> {
  const begin = performance.now()
  const response = await daemon.api.stream('GET', `/containers/${id}/logs?stdout=1&${query}`)
  let bytes = 0
  let first: Buffer = Buffer.alloc(0)
  let last: Buffer = Buffer.alloc(0)
  for await (const part of response) {
    const chunk = part as Buffer
    bytes += chunk.length
    if (first.length < 200) first = Buffer.concat([first, chunk.subarray(0, 200)])
    last = chunk.length < 200 ? Buffer.concat([last, chunk]).subarray(-200) : chunk.subarray(-200)
  }
  const ms = performance.now() - begin
  return { ms, bytes, first: first.toString('latin1', 8), last: last.toString('latin1') }
}

export async function best(times: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity
  for (let i = 0; i < times; i++) least = Math.min(least, await measure())
  return least
}
