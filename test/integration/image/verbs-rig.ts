/** Calls of these tests, as any SDK makes them. */
import assert from 'node:assert/strict'
import type { ImageInspect, ImageSummary } from '@tdocker/api'
import type { ApiAnswer } from '../../lib/api-client.ts'
import type { TestDaemon } from '../../lib/test-daemon.ts'

export type Query = Readonly<Record<string, string | readonly string[]>>

export function queryText(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    [value].flat().map((one): [string, string] => [key, String(one)]),
  )
  return new URLSearchParams(pairs).toString()
}

export type Answer<Body = unknown> = ApiAnswer<Body & { message: string }>

export function commit(
  daemon: TestDaemon,
  query: Query,
  body?: object,
): Promise<Answer<{ Id: string }>> {
  return daemon.api.post(`/commit?${queryText(query)}`, body)
}

/** Answers the new image's id. */
export async function committed(daemon: TestDaemon, query: Query, body?: object): Promise<string> {
  const answer = await commit(daemon, query, body)
  assert.equal(answer.status, 201, answer.text)
  assert.deepEqual(Object.keys(answer.body), ['Id'])
  return answer.body.Id
}

/** Runs a script to its end and answers the container. */
export async function ran(
  daemon: TestDaemon,
  script: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', script],
    ...body,
    HostConfig: { NetworkMode: 'none', ...(body['HostConfig'] as object | undefined) },
  })
  const status = await daemon.wait(id)
  assert.equal(status, 0, await daemon.logs(id))
  return id
}

/** An image made of another by a script, its container gone. */
export async function step(
  daemon: TestDaemon,
  base: string,
  script: string,
  query: Query = {},
): Promise<string> {
  const container = await ran(daemon, script, { Image: base })
  const id = await committed(daemon, { container, ...query })
  await removeContainer(daemon, container)
  return id
}

export async function removeContainer(daemon: TestDaemon, id: string): Promise<void> {
  const answer = await daemon.api.delete(`/containers/${id}?force=1`)
  assert.equal(answer.status, 204, answer.text)
}

export async function inspect(
  daemon: TestDaemon,
  name: string,
  version = '',
): Promise<ImageInspect> {
  const answer = await daemon.api.get<ImageInspect>(`${version}/images/${name}/json`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

export async function list(daemon: TestDaemon, query: Query = {}): Promise<ImageSummary[]> {
  const answer = await daemon.api.get<ImageSummary[]>(`/images/json?${queryText(query)}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

export type Removed = Array<{ Untagged?: string; Deleted?: string }>

export function remove(
  daemon: TestDaemon,
  name: string,
  query: Query = {},
): Promise<Answer<Removed>> {
  return daemon.api.delete(`/images/${name}?${queryText(query)}`)
}

/** What was untagged, and the images deleted: without the layers. */
export async function removed(
  daemon: TestDaemon,
  name: string,
  query: Query = {},
): Promise<string[]> {
  const answer = await remove(daemon, name, query)
  assert.equal(answer.status, 200, answer.text)
  return answer.body.map(({ Untagged, Deleted = '' }) => Untagged ?? Deleted)
}

export async function tag(daemon: TestDaemon, name: string, repo: string): Promise<void> {
  const answer = await daemon.api.post(`/images/${name}/tag?${queryText({ repo })}`)
  assert.equal(answer.status, 201, answer.text)
}

export interface Told {
  Type: string
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
}

/** `since`: seconds since 1970. */
export async function eventsSince(daemon: TestDaemon, since: number): Promise<Told[]> {
  const until = Math.ceil(Date.now() / 1000) + 1
  const { text } = await daemon.api.get(`/v1.51/events?since=${since}&until=${until}`)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told)
}
