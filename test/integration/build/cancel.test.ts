/** A client that goes away, whatever its build is at: nothing is left of it, and the daemon goes on. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, afterEach, before, test } from 'node:test'
import { assertConsistent } from '../../lib/consistency.ts'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { assertClean, build, built, contextOf } from './build-rig.ts'

let daemon: TestDaemon
let registry: FaultRegistry
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), FaultRegistry.start()])
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

afterEach(async () => {
  await until('its containers to go', async () => {
    const { body } = await daemon.api.get<unknown[]>('/containers/json?all=1')
    return body.length === 0
  })
  await assertConsistent(daemon)
  await assertClean(daemon)
  await built(daemon, { Dockerfile: 'FROM busybox\nRUN echo on > /on\n' }, { nocache: '1' })
})

interface Going {
  request: http.ClientRequest
  text(): string
}

/** `send`: writes the body; all of it, unless told otherwise. */
async function going(
  body: Buffer,
  query: Record<string, string> = {},
  send: (request: http.ClientRequest) => void = (request) => void request.end(body),
): Promise<Going> {
  let said = ''
  const request = http.request({
    socketPath: daemon.socket,
    method: 'POST',
    path: `/build?${new URLSearchParams(query)}`,
    headers: { 'Content-Type': 'application/x-tar', 'Content-Length': body.length },
  })
  request.on('error', () => {})
  request.on('response', (response) => {
    response.on('error', () => {})
    response.on('data', (part: Buffer) => (said += part.toString()))
  })
  send(request)
  return { request, text: () => said }
}

const large = (bytes: number): string => 'x'.repeat(bytes)

test('while it sends its context', async () => {
  const body = await contextOf({ Dockerfile: 'FROM busybox\n', large: large(8 << 20) })
  const { promise, resolve } = Promise.withResolvers<void>()
  const { request } = await going(body, {}, (r) =>
    r.write(body.subarray(0, 4 << 20), () => resolve()),
  )
  await promise
  request.destroy()
})

test('while a base image is pulled', async () => {
  const layer = makeLayer(await tarOf([{ name: 'file', content: large(1 << 20) }]))
  registry.add('slow:1', makeImage({ layers: [layer] }))
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  registry.faults.push((request) => {
    if (!request.url?.endsWith(layer.digest)) return false
    resolve()
    // It never answers.
    return true
  })
  const body = await contextOf({ Dockerfile: `FROM ${registry.host}/slow:1\nLABEL a=b\n` })
  const { request } = await going(body)
  await asked
  request.destroy()
  registry.faults.length = 0
  await built(daemon, { Dockerfile: `FROM ${registry.host}/slow:1\nLABEL a=b\n` })
})

test('while a command runs, in one stage and in another', async () => {
  const Dockerfile = [
    'FROM busybox AS a',
    'RUN --mount=type=cache,target=/c,sharing=locked sleep 1000',
    'FROM busybox AS b',
    'RUN trap "" TERM INT; sleep 1000',
    'FROM busybox',
    'COPY --from=a / /a',
    'COPY --from=b / /b',
  ].join('\n')
  const { request } = await going(await contextOf({ Dockerfile }))
  await until('both commands', async () => {
    const { body } = await daemon.api.get<unknown[]>('/containers/json')
    return body.length === 2
  })
  request.destroy()
})

test('while files are copied, unpacked, and made a layer of', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 2000 }, (_, at) => [`files/${at % 40}/${at}`, `${at}`]),
  )
  const inner = await tarOf(
    Array.from({ length: 2000 }, (_, at) => ({ name: `inner/${at}`, content: `${at}` })),
  )
  const Dockerfile = 'FROM busybox\nCOPY files /files\nADD inner.tar /inner\nCOPY files /again\n'
  const body = await contextOf({
    Dockerfile,
    ...files,
    'inner.tar': { type: 'file', content: inner },
  })
  for (const step of ['Step 2/4', 'Step 3/4', 'Step 4/4']) {
    const { request, text } = await going(body, { nocache: '1' })
    await until(step, async () => text().includes(step))
    request.destroy()
  }
})

test('while the result is pushed', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  registry.faults.push((request) => {
    if (request.method !== 'POST') return false
    resolve()
    return true
  })
  const name = `${registry.host}/pushed:1`
  const outputs = JSON.stringify([{ Type: 'image', Attrs: { name, push: 'true' } }])
  const body = await contextOf({ Dockerfile: 'FROM busybox\nRUN echo pushed > /pushed\n' })
  const { request } = await going(body, { outputs })
  await asked
  request.destroy()
  registry.faults.length = 0
})

test('one of several that want the same step: the others have it', async () => {
  const Dockerfile = 'FROM busybox\nRUN sleep 2; echo shared > /shared\n'
  const first = await going(await contextOf({ Dockerfile }))
  await until('the command', async () => {
    const { body } = await daemon.api.get<unknown[]>('/containers/json')
    return body.length === 1
  })
  const second = build(daemon, { Dockerfile })
  first.request.destroy()
  assert.equal((await second).error, '')
})
