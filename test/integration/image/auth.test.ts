import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { busyboxImage, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  FaultRegistry,
  basic,
  demandToken,
  refuse,
  serveBlob,
  startRegistry,
} from '../../lib/registry.ts'

const small = async () =>
  makeImage({ layers: [makeLayer(await tarOf([{ name: 'f', content: 'f' }]))] })

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

test('basic authentication against docker-registry', async () => {
  await using registry = await startRegistry({ htpasswd: true })
  await using rig = await imagesRig()
  const name = `${registry.host}/${await registry.push('private:1', await busyboxImage())}`
  await assert.rejects(rig.pull(name), {
    kind: 'system',
    message: `Head "http://${registry.host}/v2/private/manifests/1": no basic auth credentials`,
  })
  await assert.rejects(rig.pull(name, { auth: { ...CREDENTIALS, password: 'wrong' } }), {
    kind: 'unauthorized',
    message: 'unauthorized: authentication required',
  })
  await rig.pull(name, { auth: CREDENTIALS })
  await rig.images.backend.remove(name, { force: false, noprune: false })
  await rig.pull(name, { auth: { auth: Buffer.from('test:secret').toString('base64') } })
})

test('login against docker-registry', async () => {
  await using registry = await startRegistry({ htpasswd: true })
  await using rig = await imagesRig()
  const serveraddress = registry.host
  assert.deepEqual(await rig.images.auth({ ...CREDENTIALS, serveraddress }), {
    Status: 'Login Succeeded',
    IdentityToken: '',
  })
  await assert.rejects(rig.images.auth({ username: 'test', password: 'no', serveraddress }), {
    kind: 'unauthorized',
    message: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized`,
  })
  await assert.rejects(rig.images.auth({ ...CREDENTIALS, serveraddress: '127.0.0.1:1' }), {
    kind: 'system',
    message: /connect: connection refused/,
  })
})

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

test('a token that expires in the middle is renewed', async () => {
  await using registry = await FaultRegistry.start()
  let issued = 0
  await using tokens = await listen((_seen, response) =>
    json(response, { access_token: `token-${++issued}` }),
  )
  await using rig = await imagesRig()
  let valid = 'token-1'
  registry.faults.push((_request, _response, url) => {
    if (url.pathname.includes('/blobs/')) valid = 'token-2'
    return false
  })
  registry.faults.push(demandToken({ realm: `${tokens.url}/token`, token: () => valid }))
  registry.add('x:1', await small())
  await rig.pull(`${registry.host}/x:1`)
  assert.equal(issued, 2)
})

test('an identity token is traded by POST, and login answers one', async () => {
  await using registry = await FaultRegistry.start()
  await using tokens = await listen((seen, response) =>
    json(response, {
      access_token: 'short',
      ...(seen.method === 'GET' && { refresh_token: 'long' }),
    }),
  )
  await using rig = await imagesRig()
  registry.faults.push(demandToken({ realm: `${tokens.url}/token`, token: () => 'short' }))
  registry.add('x:1', await small())
  const login = await rig.images.auth({ ...CREDENTIALS, serveraddress: registry.host })
  assert.deepEqual(login, { Status: 'Login Succeeded', IdentityToken: 'long' })
  assert.equal(tokens.seen[0]?.url.searchParams.get('offline_token'), 'true')
  await rig.pull(`${registry.host}/x:1`, { auth: { identitytoken: 'long' } })
  const traded = tokens.seen.find((seen) => seen.method === 'POST')
  assert.deepEqual(Object.fromEntries(new URLSearchParams(traded?.body)), {
    grant_type: 'refresh_token',
    refresh_token: 'long',
    client_id: 'docker',
    service: 'registry.test',
    scope: 'repository:x:pull',
  })
})

test('a refused token and a refused repository, in moby words', async () => {
  await using registry = await FaultRegistry.start()
  await using tokens = await listen((_seen, response) =>
    refuse(response, 401, 'UNAUTHORIZED', { message: 'incorrect username or password' }),
  )
  await using rig = await imagesRig()
  registry.faults.push(demandToken({ realm: `${tokens.url}/token`, token: () => 'none' }))
  registry.add('x:1', await small())
  await assert.rejects(rig.pull(`${registry.host}/x:1`, { auth: CREDENTIALS }), {
    kind: 'unauthorized',
    message: 'unauthorized: incorrect username or password',
  })
  await assert.rejects(rig.images.auth({ ...CREDENTIALS, serveraddress: registry.host }), {
    kind: 'unauthorized',
    message: `Get "http://${registry.host}/v2/": unauthorized: incorrect username or password`,
  })
  registry.faults[0] = (_request, response) => {
    refuse(response, 401, 'UNAUTHORIZED', {
      headers: {
        'www-authenticate': 'Bearer realm="http://127.0.0.1:1/",error="insufficient_scope"',
      },
    })
    return true
  }
  await assert.rejects(rig.pull(`${registry.host}/x:1`, { auth: { registrytoken: 'given' } }), {
    kind: 'notFound',
    message: `pull access denied for ${registry.host}/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  })
  assert.equal(registry.seen.at(-1)?.authorization, 'Bearer given')
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
