/** Archive calls as any SDK makes them, and what is in the answers. */
import assert from 'node:assert/strict'
import { extract, type Headers } from 'tar-stream'
import type { ApiAnswer } from '../../lib/api-client.ts'
import type { TestDaemon } from '../../lib/test-daemon.ts'

export interface PathStat {
  name: string
  size: number
  mode: number
  mtime: string
  linkTarget: string
}

export interface Entry extends Headers {
  /** Records of the extended header. */
  pax?: Readonly<Record<string, string>>
  content: Buffer
}

const query = (path: string, more: object = {}): string =>
  new URLSearchParams({ path, ...more }).toString()

export function statOf(header: unknown): PathStat {
  return JSON.parse(Buffer.from(String(header), 'base64').toString()) as PathStat
}

export async function head(
  daemon: TestDaemon,
  id: string,
  path: string,
): Promise<{ status: number; stat?: PathStat }> {
  const answer = await daemon.api.request('HEAD', `/containers/${id}/archive?${query(path)}`)
  const header = answer.headers['x-docker-container-path-stat']
  return { status: answer.status, ...(header !== undefined && { stat: statOf(header) }) }
}

/** The raw archive; fails unless the status is 200. */
export async function download(daemon: TestDaemon, path: string): Promise<Buffer> {
  const answer = await daemon.api.stream('GET', path)
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  assert.equal(answer.statusCode, 200, body.toString())
  return body
}

export async function get(daemon: TestDaemon, id: string, path: string): Promise<Entry[]> {
  return entriesOf(await download(daemon, `/containers/${id}/archive?${query(path)}`))
}

export async function getError(
  daemon: TestDaemon,
  id: string,
  path: string,
): Promise<ApiAnswer<{ message: string }>> {
  return daemon.api.get(`/containers/${id}/archive?${query(path)}`)
}

export function put(
  daemon: TestDaemon,
  id: string,
  path: string,
  tar: Buffer,
  more: object = {},
): Promise<ApiAnswer<{ message: string } | undefined>> {
  return daemon.api.request('PUT', `/containers/${id}/archive?${query(path, more)}`, tar, {
    'Content-Type': 'application/x-tar',
  })
}

export async function entriesOf(archive: Buffer): Promise<Entry[]> {
  const entries: Entry[] = []
  const parser = extract()
  parser.on('entry', (headers, stream, next) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      entries.push({ ...headers, content: Buffer.concat(parts) })
      next()
    })
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  parser.on('finish', resolve)
  parser.on('error', reject)
  parser.end(archive)
  await promise
  return entries
}

/** Runs a shell script in a running container; answers its output. */
export async function inside(daemon: TestDaemon, id: string, script: string): Promise<string> {
  const made = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, {
    Cmd: ['sh', '-c', script],
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
  })
  const answer = await daemon.api.request<string>('POST', `/exec/${made.body.Id}/start`, {
    Tty: true,
  })
  return answer.text.replaceAll('\r\n', '\n')
}

export async function create(daemon: TestDaemon, body: object, name?: string): Promise<string> {
  const answer = await daemon.api.post<{ Id: string }>(
    `/containers/create${name === undefined ? '' : `?name=${name}`}`,
    { Image: 'busybox', Cmd: ['sleep', '1000'], ...body },
  )
  assert.equal(answer.status, 201, answer.text)
  return answer.body.Id
}

/** A container that sleeps, without network. */
export function sleeper(
  daemon: TestDaemon,
  hostConfig: object = {},
  body: object = {},
): Promise<string> {
  return daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
    ...body,
  })
}

export const remove = (daemon: TestDaemon, id: string): Promise<unknown> =>
  daemon.api.delete(`/containers/${id}?force=1&v=1`)
