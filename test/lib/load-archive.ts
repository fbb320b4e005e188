import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestDaemon } from './test-daemon.ts'

export interface Loaded {
  status: number
  /** `stream` lines, without their ends. */
  lines: string[]
  error: string | undefined
  messages: Array<Record<string, unknown>>
}

/** `POST /images/load`. */
export async function load(
  daemon: TestDaemon,
  archive: Buffer,
  query = 'quiet=1',
): Promise<Loaded> {
  const answer = await daemon.api.request('POST', `/images/load?${query}`, archive, {
    'Content-Type': 'application/x-tar',
  })
  const messages = answer.text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const lines = messages.flatMap(({ stream }) =>
    typeof stream === 'string' ? [stream.trim()] : [],
  )
  const { error } = messages.at(-1) ?? {}
  return {
    status: answer.status,
    lines,
    error: typeof error === 'string' ? error : undefined,
    messages,
  }
}

/** What lies in the data root for images. */
export function contentOf(daemon: TestDaemon): string[] {
  const found: string[] = []
  for (const part of ['layers', 'content/blobs/sha256', 'content/partial']) {
    const directory = join(daemon.dataRoot, part)
    if (existsSync(directory))
      found.push(...readdirSync(directory).map((name) => `${part}/${name}`))
  }
  return found.toSorted()
}

export async function idOf(daemon: TestDaemon, name: string): Promise<string | undefined> {
  const { body } = await daemon.api.get<{ Id?: string }>(`/images/${name}/json`)
  return body.Id
}

/** Bytes of an answer. */
export async function bytesOf(daemon: TestDaemon, path: string): Promise<Buffer> {
  const response = await daemon.api.stream('GET', path)
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  if (response.statusCode !== 200) throw new Error(Buffer.concat(parts).toString())
  return Buffer.concat(parts)
}

export const save = (daemon: TestDaemon, ...names: string[]): Promise<Buffer> =>
  bytesOf(
    daemon,
    `/images/get?${names.map((name) => `names=${encodeURIComponent(name)}`).join('&')}`,
  )
