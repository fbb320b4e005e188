import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  FaultRegistry,
  basic,
  demandToken,
  refuse,
  serveBlob,
} from '../../lib/registry.ts'

const small = async (content = 'f') =>
  makeImage({ layers: [makeLayer(await tarOf([{ name: 'f', content }]))] })

interface Seen {
  method: string
  url: URL
  authorization: string | undefined
  body: string
}

/** A server of one answer that remembers what it was asked. */
async function listen(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<AsyncDisposable & { url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((request: IncomingMessage, response) => {
    void (async () => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      const one = {
        method: request.method ?? '',
        url: new URL(request.url ?? '/', 'http://localhost'),
        authorization: request.headers.authorization,
        body,
      }
      seen.push(one)
      answer(one, response)
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const json = (response: ServerResponse, value: unknown): void => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(value))
}

test('a bearer token is asked for once per repository, with the credentials', async () => {
  await using registry = await FaultRegistry.start()
  await using tokens = await listen((_seen, response) =>
    json(response, { token: 'let-me-in', expires_in: 300 }),
  )
  await using rig = await imagesRig()
  registry.faults.push(demandToken({ realm: `${tokens.url}/token`, token: () => 'let-me-in' }))
  registry.add('team/app:1', await small())
  registry.add('team/app:2', await small())
  await rig.pull(`${registry.host}/team/app:1`, { auth: CREDENTIALS })
  await rig.pull(`${registry.host}/team/app:2`, { auth: CREDENTIALS })
  assert.equal(tokens.seen.length, 1)
  const [asked] = tokens.seen
  assert.equal(asked?.authorization, basic(CREDENTIALS))
  assert.deepEqual(Object.fromEntries(asked?.url.searchParams ?? []), {
    service: 'registry.test',
    scope: 'repository:team/app:pull',
    account: 'test',
  })
  // The password itself never goes to the registry.
  assert.ok(registry.seen.every((seen) => !seen.authorization?.startsWith('Basic')))
  await rig.pull(`${registry.host}/team/app:1`)
  assert.equal(tokens.seen.length, 2)
  assert.equal(tokens.seen[1]?.authorization, undefined)
})

test('a redirect takes the blob, not the credentials; its challenges are not answered', async () => {
  await using registry = await FaultRegistry.start()
  const image = await small()
  await using elsewhere = await listen((_seen, response) => {
    serveBlob({ headers: {} } as IncomingMessage, response, image.layers[0]!)
  })
  await using thief = await listen((_seen, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="give it to me"' }).end()
  })
  await using rig = await imagesRig()
  registry.add('x:1', image)
  registry.faults.push((request, response) => {
    if (request.headers.authorization === basic(CREDENTIALS)) return false
    refuse(response, 401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="r"' } })
    return true
  })
  let target = thief.url
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith(image.layers[0]!.digest)) return false
    response.writeHead(307, { location: `${target}/blob` }).end()
    return true
  })
  await assert.rejects(rig.pull(`${registry.host}/x:1`, { auth: CREDENTIALS }))
  target = elsewhere.url
  await rig.pull(`${registry.host}/x:1`, { auth: CREDENTIALS })
  for (const { seen } of [thief, elsewhere]) {
    assert.ok(seen.length > 0)
    assert.deepEqual(seen.map((one) => one.authorization).filter(Boolean), [])
  }
})

test('mirrors serve Hub first and never see its credentials', async () => {
  await using mirror = await FaultRegistry.start()
  await using rig = await imagesRig({ config: { registryMirrors: [`http://${mirror.host}`] } })
  const image = await small()
  mirror.add('library/thing:latest', image)
  mirror.faults.push((request, response) => {
    if (request.headers.authorization === undefined) return false
    refuse(response, 500, 'UNKNOWN')
    return true
  })
  const told = await rig.pull('thing', { tag: 'latest', auth: CREDENTIALS })
  assert.equal(told.at(-1)?.status, 'Status: Downloaded newer image for thing:latest')
  const found = await rig.images.backend.inspect('thing', { version: '1.51' })
  assert.deepEqual(found.RepoTags, ['thing:latest'])
  assert.deepEqual(found.RepoDigests, [`thing@${image.manifest.digest}`])
})

test('any registry may have mirrors; what one does not have, the next or the registry itself serves', async () => {
  await using first = await FaultRegistry.start()
  await using second = await FaultRegistry.start()
  await using registry = await FaultRegistry.start()
  const mirrors = [first, second].map(({ host }) => `${registry.host}=http://${host}`)
  await using rig = await imagesRig({ config: { registryMirrors: mirrors } })
  const [one, two, three] = [await small('1'), await small('2'), await small('3')]
  second.add('app:1', one)
  first.add('app:2', two)
  registry.add('app:2', two)
  registry.add('app:3', three)
  first.faults.push((_request, response, url) => {
    if (!url.pathname.includes('/blobs/')) return false
    response.writeHead(500).end()
    return true
  })
  const ask = (tag: string): Promise<unknown> =>
    rig.pull(`${registry.host}/app:${tag}`, { auth: CREDENTIALS })
  await ask('1')
  assert.equal(registry.seen.length, 0)
  // The first has the manifest and breaks on its blobs.
  await ask('2')
  assert.ok(registry.seen.length > 0)
  await ask('3')
  await assert.rejects(ask('4'), { kind: 'notFound', message: 'manifest unknown' })
  for (const { seen } of [first, second]) {
    assert.ok(seen.length > 0)
    assert.ok(seen.every(({ authorization }) => authorization === undefined))
  }
  const found = await rig.images.backend.inspect(`${registry.host}/app:1`, { version: '1.51' })
  assert.deepEqual(found.RepoTags, [`${registry.host}/app:1`])
})

test('a mirror that cannot be reached costs its try', async () => {
  await using registry = await FaultRegistry.start()
  const registryMirrors = [`${registry.host}=http://127.0.0.1:1`]
  await using rig = await imagesRig({ config: { registryMirrors } })
  registry.add('app:1', await small())
  await rig.pull(`${registry.host}/app:1`)
})
