/** Contexts in memory, sent as an SDK sends them. */
import assert from 'node:assert/strict'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { ImageInspect } from '@tdocker/api'
import { type Entry, tarOf } from '../../lib/image-maker.ts'
import { type TestDaemon, until } from '../../lib/test-daemon.ts'

export type Files = Readonly<Record<string, string | Omit<Entry, 'name'>>>

export interface Built {
  status: number
  messages: JSONMessage[]
  /** What was streamed, without colours. */
  text: string
  error: string
  /** Of the image. */
  id: string
}

export function contextOf(files: Files): Promise<Buffer> {
  return tarOf(
    Object.entries(files).map(([name, file]) =>
      typeof file === 'string' ? { name, type: 'file', content: file } : { name, ...file },
    ) as Entry[],
  )
}

export async function build(
  daemon: TestDaemon,
  files: Files | Buffer,
  query: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<Built> {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    for (const each of typeof value === 'string' ? [value] : value) parameters.append(key, each)
  const body = Buffer.isBuffer(files) ? files : await contextOf(files)
  const answer = await daemon.api.request('POST', `/build?${parameters}`, body, {
    'Content-Type': 'application/x-tar',
  })
  return builtOf(answer.status, answer.text)
}

export function builtOf(status: number, answered: string): Built {
  const messages = answered
    .split('\r\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JSONMessage)
  const text = messages
    .map((message) => message.stream ?? '')
    .join('')
    // oxlint-disable-next-line no-control-regex
    .replace(/\u001B\[\d+m/g, '')
  const last = messages.findLast(({ id, aux }) => id === undefined && aux !== undefined)
  return {
    status,
    messages,
    text,
    error: messages.at(-1)?.error ?? (messages[0] as { message?: string })?.message ?? '',
    id: (last?.aux as { ID?: string } | undefined)?.ID ?? '',
  }
}

/** As `build`, which must succeed. */
export async function built(...args: Parameters<typeof build>): Promise<Built> {
  const made = await build(...args)
  if (made.status !== 200 || made.error !== '')
    throw new Error(`build: ${made.status} ${made.error}\n${made.text}`)
  return made
}

export async function inspect(daemon: TestDaemon, image: string): Promise<ImageInspect> {
  return (await daemon.api.get<ImageInspect>(`/images/${image}/json`)).body
}

/** What a shell script says in a container of the image. */
export async function outputOf(daemon: TestDaemon, image: string, script: string): Promise<string> {
  const id = await daemon.run({ Image: image, Entrypoint: ['sh', '-c', script], Cmd: [] })
  await daemon.wait(id)
  const text = await daemon.logs(id)
  await daemon.api.delete(`/containers/${id}?force=1`)
  return text
}

/** Nothing on disk is nobody's; what a build leaves goes a moment after it. */
export async function assertClean(daemon: TestDaemon): Promise<void> {
  let found: unknown[] = []
  await until('everything to have an owner', async () => {
    const { body } = await daemon.api.post<{ Findings: unknown[] | null }>('/fsck')
    found = body.Findings ?? []
    return found.length === 0
  }).catch(() => assert.deepEqual(found, []))
}

/** How many steps were found in the cache. */
export function cachedSteps({ text }: Built): number {
  return text.split('---> Using cache').length - 1
}
