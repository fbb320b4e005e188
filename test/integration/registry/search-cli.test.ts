/** `search` of our CLI beside docker's, both through our daemon. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CREDENTIALS, FaultRegistry, basic } from '../../lib/registry.ts'
import { type CommandResult, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let registry: FaultRegistry
let term: string
const asked: Array<{ query: string; authorization: string | undefined }> = []

before(async () => {
  registry = await FaultRegistry.start()
  registry.faults.push((request, response, url) => {
    if (url.pathname === '/v1/_ping') return response.end('{}') !== undefined
    if (url.pathname !== '/v1/search') return false
    asked.push({ query: url.search, authorization: request.headers.authorization })
    const results = [
      {
        name: 'busybox',
        description: 'Busybox <base> image.',
        star_count: 3000,
        is_official: true,
      },
      {
        name: 'user/with-a-rather-long-name',
        description: 'A description that is longer than forty-five columns,\nin two lines',
        star_count: 7,
      },
      { name: 'bare' },
    ]
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ results }))
    return true
  })
  daemon = await TestDaemon.start({ busybox: false })
  term = `${registry.host}/box`
})

after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

async function same(...args: string[]): Promise<CommandResult> {
  const line = ['search', ...args]
  const [ours, theirs] = [await daemon.tdocker(...line), await daemon.docker(...line)]
  assert.deepEqual(ours, theirs, line.join(' '))
  return ours
}

test('tables, formats, filters and limits are docker’s', async () => {
  const { stdout } = await same(term)
  assert.match(stdout, /^NAME +DESCRIPTION +STARS +OFFICIAL\nbusybox /)
  await same('--no-trunc', term)
  await same('--format', 'table {{.Name}}\t{{.StarCount}}', term)
  await same('--format', '{{.Name}}: {{.IsOfficial}}', term)
  await same('--format', 'json', term)
  await same('--format', '{{json .}}', term)
  await same('--filter', 'stars=5', term)
  await same('-f', 'is-official=true', term)
  await same('--filter', 'is-automated=true', term)
  await same('--limit', '3', term)
  assert.match(asked.at(-1)?.query ?? '', /&n=3$/)
})

test('what is refused is refused in the same words', async () => {
  await same('--limit', '101', term)
  await same('--filter', 'stars=x', term)
  await same('--filter', 'colour=red', term)
  await same('http://x/y')
  await same('127.0.0.1:1/x')
  await same('--format', '{{.Nothing}}', term)
})

test('the credentials of the registry go with it', async () => {
  const { username, password } = CREDENTIALS
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  mkdirSync(join(daemon.directory, 'client'), { recursive: true })
  writeFileSync(
    join(daemon.directory, 'client/config.json'),
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  )
  await same(term)
  assert.deepEqual(
    asked.slice(-2).map((one) => one.authorization),
    [basic(CREDENTIALS), basic(CREDENTIALS)],
  )
})
