import assert from 'node:assert/strict'
import { test } from 'node:test'
import { busyboxImage, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { type ImagesRig, imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  FaultRegistry,
  TokenServer,
  cutEvery,
  failing,
  startRegistry,
} from '../../lib/registry.ts'

const wrong = { ...CREDENTIALS, password: 'no' }
const denied = (host: string): object => ({
  kind: 'notFound',
  message: `pull access denied for ${host}/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
})

async function repull(rig: ImagesRig, name: string, auth: object): Promise<void> {
  await rig.pull(name, { auth })
  await rig.images.backend.remove(name, { force: true, noprune: false })
}

test('docker-registry with htpasswd: login, pull, and who may not', async () => {
  await using registry = await startRegistry({ htpasswd: true })
  await using rig = await imagesRig()
  const serveraddress = registry.host
  await registry.push('app:1', await busyboxImage())
  const name = `${registry.host}/app:1`
  const login = await rig.images.auth({ ...CREDENTIALS, serveraddress })
  assert.deepEqual(login, { Status: 'Login Succeeded' })
  await repull(rig, name, CREDENTIALS)
  await repull(rig, name, { auth: Buffer.from('test:secret').toString('base64') })
  await assert.rejects(rig.images.auth({ ...wrong, serveraddress }), {
    kind: 'system',
    message: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized`,
  })
  await assert.rejects(rig.images.auth({ serveraddress }), {
    kind: 'system',
    message: `Get "http://${registry.host}/v2/": no basic auth credentials`,
  })
  const refused = { kind: 'unauthorized', message: 'unauthorized: authentication required' }
  await assert.rejects(rig.pull(name, { auth: wrong }), refused)
  await assert.rejects(rig.pull(name, { auth: { registrytoken: 'x' } }), refused)
  await assert.rejects(rig.pull(name), {
    kind: 'system',
    message: `Head "http://${registry.host}/v2/app/manifests/1": no basic auth credentials`,
  })
})

/** docker-registry checks signatures, issuer, audience and scopes of the tokens by itself. */
for (const kind of ['docker-registry', 'a registry of our own']) {
  test(`${kind} with a token server: login, pull, and who may not`, async () => {
    await using tokens = await TokenServer.start()
    tokens.users.set('limited', { password: 'x', may: (name) => (name === 'app' ? [] : ['pull']) })
    await using real = await startRegistry({ tokens })
    await using own = await FaultRegistry.start()
    own.faults.push(tokens.guard())
    await using rig = await imagesRig()
    const image = await busyboxImage()
    await real.push('app:1', image)
    own.add('app:1', image)
    const { host } = kind === 'docker-registry' ? real : own
    const name = `${host}/app:1`
    const login = await rig.images.auth({ ...CREDENTIALS, serveraddress: host })
    const identitytoken = login.IdentityToken ?? ''
    assert.match(identitytoken, /^refresh-/)
    await repull(rig, name, CREDENTIALS)
    await repull(rig, name, { identitytoken })
    const access = [{ repository: 'app', actions: ['pull'] }]
    await repull(rig, name, { registrytoken: tokens.issue('somebody', access) })

    const unknown = (method: string, path: string): object => ({
      kind: 'unauthorized',
      message: `${method} "http://${host}/v2/${path}": unauthorized: incorrect username or password`,
    })
    await assert.rejects(rig.images.auth({ ...wrong, serveraddress: host }), unknown('Get', ''))
    await assert.rejects(rig.pull(name, { auth: wrong }), unknown('Head', 'app/manifests/1'))
    await assert.rejects(
      rig.pull(name, { auth: { identitytoken: 'revoked' } }),
      unknown('Head', 'app/manifests/1'),
    )
    await assert.rejects(rig.pull(name), denied(host))
    const limited = { username: 'limited', password: 'x' }
    await assert.rejects(rig.pull(name, { auth: limited }), denied(host))
    const elsewhere = tokens.issue('test', [{ repository: 'other', actions: ['pull', 'push'] }])
    await assert.rejects(rig.pull(name, { auth: { registrytoken: elsewhere } }), denied(host))
    assert.deepEqual((await rig.files()).partials, [])
  })
}

test('what a token server is asked', async () => {
  await using tokens = await TokenServer.start()
  await using own = await FaultRegistry.start()
  own.faults.push(tokens.guard())
  own.add('team/app:1', await busyboxImage())
  await using rig = await imagesRig()
  const name = `${own.host}/team/app:1`
  const { IdentityToken = '' } = await rig.images.auth({
    ...CREDENTIALS,
    serveraddress: own.host,
  })
  await repull(rig, name, CREDENTIALS)
  await repull(rig, name, { identitytoken: IdentityToken })
  const basic = `Basic ${Buffer.from('test:secret').toString('base64')}`
  const [service, client_id] = [tokens.service, 'docker']
  assert.deepEqual(tokens.seen, [
    {
      method: 'GET',
      authorization: basic,
      parameters: { account: 'test', client_id, offline_token: 'true', service },
    },
    {
      method: 'GET',
      authorization: basic,
      parameters: { account: 'test', scope: 'repository:team/app:pull', service },
    },
    {
      method: 'POST',
      authorization: undefined,
      parameters: {
        grant_type: 'refresh_token',
        refresh_token: IdentityToken,
        client_id,
        service,
        scope: 'repository:team/app:pull',
      },
    },
  ])
  // The password is for the token server alone.
  assert.ok(own.seen.every((seen) => !seen.authorization?.startsWith('Basic')))
})

test('a token that expires in the middle of a layer is renewed, and the layer goes on', async () => {
  await using tokens = await TokenServer.start()
  await using own = await FaultRegistry.start()
  await using rig = await imagesRig()
  const content = Buffer.alloc(3_000_000, 'layer').map((byte, at) => byte ^ (at * 31))
  const layer = makeLayer(await tarOf([{ name: 'f', content: Buffer.from(content) }]), {
    compression: 'none',
  })
  own.add('app:1', makeImage({ layers: [layer] }))
  own.faults.push((request, _response, url) => {
    // Each request for the rest finds its token too old.
    if (url.pathname.endsWith(layer.digest) && request.headers.range !== undefined) {
      const renewed = own.seen.filter((seen) => seen.range === request.headers.range).length > 1
      if (!renewed) tokens.skewSeconds += 1000
    }
    return false
  })
  own.faults.push(tokens.guard(), cutEvery(layer, 1_000_000))
  await rig.pull(`${own.host}/app:1`, { auth: CREDENTIALS })
  const asked = own.seen.filter((seen) => seen.path.endsWith(layer.digest))
  const ranges = asked.map((seen) => Number(/\d+/.exec(seen.range ?? '0')?.[0]))
  // From the start once, every continuation twice: refused with the old token, served with a new one.
  assert.equal(ranges[0], 0)
  const rest = ranges.slice(1)
  assert.ok(rest.length >= 4, String(ranges))
  for (let at = 0; at < rest.length; at += 2) {
    assert.equal(rest[at], rest[at + 1])
    const [first, second] = asked.slice(1 + at, 3 + at).map((seen) => seen.authorization)
    assert.notEqual(first, second)
  }
  assert.equal(tokens.seen.length, 1 + rest.length / 2)
})

test('a registry that refuses every token is asked twice, not for ever', async () => {
  await using tokens = await TokenServer.start()
  await using own = await FaultRegistry.start()
  await using rig = await imagesRig()
  own.faults.push(tokens.guard())
  own.add('app:1', await busyboxImage())
  tokens.lifetime = -100
  await assert.rejects(rig.pull(`${own.host}/app:1`, { auth: CREDENTIALS }), {
    kind: 'unauthorized',
    message: 'unauthorized: authentication required',
  })
  assert.ok(own.seen.length <= 4, String(own.seen.length))
})

test('login: addresses, and registries that are none', async () => {
  await using own = await FaultRegistry.start()
  await using basic = await startRegistry({ htpasswd: true })
  await using rig = await imagesRig()
  const login = (serveraddress: string): Promise<unknown> =>
    rig.images.auth({ ...CREDENTIALS, serveraddress })
  for (const address of [`https://${basic.host}/v1/`, `http://${basic.host}`]) {
    assert.deepEqual(await login(address), { Status: 'Login Succeeded' })
  }
  await assert.rejects(login('127.0.0.1:1'), {
    kind: 'system',
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  })
  const parse = 'unable to parse server address: parse'
  for (const [address, why] of [
    ['http://[', `"http://[": missing ']' in host`],
    ['a b', `"https://a b": invalid character " " in host name`],
    ['host:x', `"https://host:x": invalid port ":x" after host`],
  ] as const) {
    await assert.rejects(login(address), { kind: 'invalidParameter', message: `${parse} ${why}` })
  }
  const v2 = `http://${own.host}/v2/`
  const challenged = (header: string): Parameters<typeof own.faults.push>[0] => {
    return (_request, response) => {
      response.writeHead(401, { 'www-authenticate': header }).end()
      return true
    }
  }
  const cases: Array<[Parameters<typeof own.faults.push>[0], string]> = [
    [
      failing(() => true, 500),
      `login attempt to ${v2} failed with status: 500 Internal Server Error`,
    ],
    [challenged('Bearer service="x"'), `Get "${v2}": no realm specified for token auth challenge`],
    [
      challenged('Bearer realm="http://127.0.0.1:1/t",service="x"'),
      `Get "${v2}": Get "http://127.0.0.1:1/t?account=test&client_id=docker&offline_token=true&service=x": dial tcp 127.0.0.1:1: connect: connection refused`,
    ],
    [challenged('Digest realm="x"'), `login attempt to ${v2} failed with status: 401 Unauthorized`],
  ]
  for (const [fault, message] of cases) {
    own.faults[0] = fault
    await assert.rejects(login(own.host), { kind: 'system', message })
  }
})

const push = (rig: ImagesRig, host: string, auth: object): Promise<unknown> =>
  rig.push(`${host}/pushed`, { tag: '1', auth })

test('push: passwords and tokens, and who may only read', async () => {
  await using tokens = await TokenServer.start()
  tokens.users.set('reader', { password: 'x', may: () => ['pull'] })
  await using basic = await startRegistry({ htpasswd: true })
  await using real = await startRegistry({ tokens })
  await using own = await FaultRegistry.start()
  await using source = await FaultRegistry.start()
  own.faults.push(tokens.guard())
  source.add('app:1', await busyboxImage())
  await using rig = await imagesRig()
  await rig.pull(`${source.host}/app:1`)
  for (const { host } of [basic, real, own]) {
    await rig.images.backend.tag(`${source.host}/app:1`, { repo: `${host}/pushed`, tag: '1' })
    await assert.rejects(push(rig, host, wrong), /unauthorized|authentication required/, host)
    await push(rig, host, CREDENTIALS)
    const found = await rig.images.registries.inspectDistribution(`${host}/pushed:1`, {
      auth: CREDENTIALS,
      signal: new AbortController().signal,
    })
    assert.match(found.Descriptor.digest, /^sha256:/)
  }
  for (const { host } of [real, own]) {
    const reader = { username: 'reader', password: 'x' }
    await assert.rejects(push(rig, host, reader), /denied|unauthorized/, host)
    const elsewhere = tokens.issue('test', [{ repository: 'other', actions: ['pull', 'push'] }])
    await assert.rejects(push(rig, host, { registrytoken: elsewhere }), /denied|unauthorized/, host)
  }
  const { IdentityToken = '' } = await rig.images.auth({ ...CREDENTIALS, serveraddress: own.host })
  await push(rig, own.host, { identitytoken: IdentityToken })
  // A token that has grown too old is renewed in the middle.
  tokens.skewSeconds += 1000
  await push(rig, own.host, CREDENTIALS)
  assert.deepEqual(rig.problems, [])
})
