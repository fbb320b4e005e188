import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { imagesRig } from '../../lib/images-rig.ts'
import {
  CREDENTIALS,
  type Fault,
  FaultRegistry,
  TokenServer,
  basic,
  failing,
  html,
} from '../../lib/registry.ts'

const results = [
  { name: 'one', description: 'first', star_count: 5, is_official: true, is_automated: true },
  { name: 'two', description: '', star_count: 1, is_official: false },
  { name: 'three', star_count: 10 },
]

/** Serves the v1 search protocol, and notes what it was asked. */
function searchable(): {
  fault: Fault
  asked: Array<{ query: string; headers: IncomingHttpHeaders }>
} {
  const asked: Array<{ query: string; headers: IncomingHttpHeaders }> = []
  const fault: Fault = (request, response, url) => {
    if (url.pathname === '/v1/_ping') {
      response.end('{"standalone":true}')
      return true
    }
    if (url.pathname !== '/v1/search') return false
    asked.push({ query: url.search, headers: request.headers })
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ query: '', num_results: 3, results }))
    return true
  }
  return { fault, asked }
}

const options = {
  limit: 0,
  filters: new Map<string, string[]>(),
  signal: AbortSignal.timeout(60_000),
}

test('a term with a host is looked for there', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const { fault, asked } = searchable()
  registry.faults.push(fault)
  const term = `${registry.host}/lib/x y`
  assert.deepEqual(await rig.images.registries.search({ ...options, term }), [
    { star_count: 5, is_official: true, name: 'one', is_automated: false, description: 'first' },
    { star_count: 1, is_official: false, name: 'two', is_automated: false, description: '' },
    { star_count: 10, is_official: false, name: 'three', is_automated: false, description: '' },
  ])
  await rig.images.registries.search({ ...options, term, limit: 7, auth: CREDENTIALS })
  assert.deepEqual(
    asked.map(({ query, headers }) => [query, headers.authorization, headers['x-docker-token']]),
    [
      ['?q=lib%2Fx+y&n=25', undefined, 'true'],
      ['?q=lib%2Fx+y&n=7', basic(CREDENTIALS), 'true'],
    ],
  )
})

test('filters of results', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  registry.faults.push(searchable().fault)
  const names = async (filters: Record<string, string[]>): Promise<string[]> => {
    const term = `${registry.host}/x`
    const given = new Map(Object.entries(filters))
    const found = await rig.images.registries.search({ ...options, term, filters: given })
    return found.map((result) => result.name)
  }
  assert.deepEqual(await names({ 'is-official': ['true'] }), ['one'])
  assert.deepEqual(await names({ 'is-official': ['0'] }), ['two', 'three'])
  assert.deepEqual(await names({ 'is-automated': ['true'] }), [])
  assert.deepEqual(await names({ 'is-automated': ['false'] }), ['one', 'two', 'three'])
  assert.deepEqual(await names({ stars: ['5'] }), ['one', 'three'])
  assert.deepEqual(await names({ stars: ['5', '7'] }), ['three'])
  const wrong: Array<[string, string, string]> = [
    ['stars', 'x', `invalid filter 'stars=x': strconv.Atoi: parsing "x": invalid syntax`],
    ['is-official', 'x', "invalid filter 'is-official=[x]'"],
    ['is-automated', 'x', "invalid filter 'is-automated=[x]'"],
  ]
  for (const [key, value, message] of wrong) {
    await assert.rejects(names({ [key]: [value] }), { kind: 'invalidParameter', message })
  }
})

test('terms, limits and hosts that will not do', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const search = (term: string, limit = 0): Promise<unknown> =>
    rig.images.registries.search({ ...options, term, limit })
  registry.faults.push(searchable().fault)
  for (const limit of [-1, 101]) {
    await assert.rejects(search(`${registry.host}/x`, limit), {
      kind: 'invalidParameter',
      message: `limit ${limit} is outside the range of [1, 100]`,
    })
  }
  await assert.rejects(search('http://x/y'), {
    kind: 'invalidParameter',
    message: 'invalid repository name: repository name (http://x/y) should not have a scheme',
  })
  const refused = (scheme: string): string =>
    `Get "${scheme}://127.0.0.1:1/v1/_ping": dial tcp 127.0.0.1:1: connect: connection refused`
  await assert.rejects(search('127.0.0.1:1/y'), {
    kind: 'invalidParameter',
    message: `invalid registry endpoint "http://127.0.0.1:1/v1/". HTTPS attempt: ${refused('https')}. HTTP attempt: ${refused('http')}`,
  })
  await assert.rejects(search('registry.invalid/y'), {
    kind: 'invalidParameter',
    message:
      /^invalid registry endpoint https:\/\/registry.invalid\/v1\/: Get .*\. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, add `--insecure-registry registry.invalid` .* \/etc\/docker\/certs.d\/registry.invalid\/ca.crt$/,
  })
  registry.faults[0] = failing((url) => url.pathname === '/v1/search', 500)
  await assert.rejects(search(`${registry.host}/x`), {
    kind: 'system',
    message: 'unexpected status code 500',
  })
  registry.faults[0] = html((url) => url.pathname === '/v1/search')
  await assert.rejects(search(`${registry.host}/x`), {
    kind: 'system',
    message:
      "error decoding registry search results: invalid character '<' looking for beginning of value",
  })
})

test('an identity token buys one for the search', async () => {
  await using registry = await FaultRegistry.start()
  await using tokens = await TokenServer.start()
  await using rig = await imagesRig()
  const { fault, asked } = searchable()
  registry.faults.push(fault, tokens.guard())
  tokens.refreshTokens.set('kept', 'test')
  const auth = { username: 'test', identitytoken: 'kept' }
  await rig.images.registries.search({ ...options, term: `${registry.host}/x`, auth })
  assert.equal(tokens.seen[0]?.parameters['scope'], 'registry:catalog:search')
  assert.match(asked[0]?.headers.authorization ?? '', /^Bearer /)
})
