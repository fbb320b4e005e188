/** Pushes through the stock docker CLI and ours; clients and daemons that go away in the middle. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { shortId } from '@tdocker/oci'
import { busyboxImage, makeImage, makeLayer, tarOf } from '../lib/image-maker.ts'
import { FaultRegistry, startRegistry } from '../lib/registry.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'

const skip = spawnSync('docker', ['--version']).error ? 'no docker CLI on the PATH' : false

test('docker and tdocker say the same of a push', { skip }, async () => {
  await using registry = await startRegistry({ htpasswd: true })
  const base = await busyboxImage()
  const layer = makeLayer(await tarOf([{ name: 'etc/motd', content: 'hello' }]))
  const image = makeImage({ layers: [...base.layers, layer] })
  const name = `${registry.host}/${await registry.push('library/app:1', image)}`
  await using daemon = await TestDaemon.start({ busybox: false })
  const login = await daemon.docker('login', '-u', 'test', '-p', 'secret', registry.host)
  assert.equal(login.status, 0, login.stderr)
  assert.equal((await daemon.docker('pull', name)).status, 0)
  const [lower = '', upper = ''] = image.layers.map(({ diffId }) => shortId(diffId))
  const { digest, size } = image.manifest
  for (const cli of ['docker', 'tdocker'] as const) {
    const to = `${registry.host}/team/${cli}`
    for (const tag of ['v1', 'latest']) await daemon.docker('tag', name, `${to}:${tag}`)
    const pushed = await daemon[cli]('push', to)
    assert.deepEqual([pushed.status, pushed.stderr], [0, ''])
    const lines = pushed.stdout.split('\n')
    assert.deepEqual(lines.slice(0, 4), [
      'Using default tag: latest',
      `The push refers to repository [${to}]`,
      `${upper}: Preparing`,
      `${lower}: Preparing`,
    ])
    // Where the blob was seen last.
    const from = cli === 'docker' ? 'library/app' : 'team/docker'
    const mounted = [upper, lower].map((id) => `${id}: Mounted from ${from}`)
    assert.deepEqual(lines.slice(4, 6).toSorted(), mounted.toSorted())
    assert.deepEqual(lines.slice(6), [`latest: digest: ${digest} size: ${size}`, ''])
    const all = await daemon[cli]('push', '-a', to)
    assert.match(all.stdout, /: Layer already exists\n/)
    assert.deepEqual(
      all.stdout.split('\n').filter((line) => line.includes('digest:')),
      ['latest', 'v1'].map((tag) => `${tag}: digest: ${digest} size: ${size}`),
    )
    const quiet = await daemon[cli]('push', '-q', `${to}:v1`)
    assert.deepEqual([quiet.stdout, quiet.stderr], [`${to}:v1\n`, ''])
    const wrong = await daemon[cli]('push', `${to}:v2`)
    assert.deepEqual([wrong.status, wrong.stderr], [1, `tag does not exist: ${to}:v2\n`])
    const none = await daemon[cli]('push', `${registry.host}/none`)
    const missing = `An image does not exist locally with the tag: ${registry.host}/none\n`
    assert.deepEqual([none.status, none.stderr], [1, missing])
  }
  await daemon.docker('logout', registry.host)
  for (const cli of ['docker', 'tdocker'] as const) {
    const denied = await daemon[cli]('push', name)
    assert.deepEqual([denied.status, denied.stderr], [1, 'no basic auth credentials\n'])
  }
})

/** A registry that takes the beginning of each layer and then nothing. */
async function slowRegistry(): Promise<{ registry: FaultRegistry; uploads: () => number }> {
  const registry = await FaultRegistry.start()
  let uploads = 0
  registry.faults.push(async (request, _response, url) => {
    if (request.method !== 'PUT' || !url.pathname.includes('/blobs/uploads/')) return false
    uploads++
    request.once('error', () => {})
    await new Promise((resolve) => request.once('close', resolve))
    return true
  })
  return { registry, uploads: () => uploads }
}

function contentOf(daemon: TestDaemon): string[] {
  const list = (name: string): string[] => {
    try {
      return readdirSync(join(daemon.dataRoot, 'content', name))
    } catch {
      return []
    }
  }
  return [...list('partial'), ...list('blobs/sha256')]
}

/** An image of one layer of random bytes, pulled from and named for the registry. */
async function bigImage(daemon: TestDaemon, registry: FaultRegistry): Promise<string> {
  const layer = makeLayer(await tarOf([{ name: 'random', content: randomBytes(24 << 20) }]))
  const image = makeImage({ layers: [layer] })
  registry.add('big:1', image)
  const pulled = await daemon.docker('pull', '-q', `${registry.host}/big:1`)
  assert.equal(pulled.status, 0, pulled.stderr)
  registry.blobs.delete(layer.digest)
  const name = `${registry.host}/copy:1`
  await daemon.docker('tag', `${registry.host}/big:1`, name)
  return name
}

test('a client killed in the middle ends its upload', { skip }, async () => {
  const { registry, uploads } = await slowRegistry()
  await using _registry = registry
  await using daemon = await TestDaemon.start({ busybox: false })
  const name = await bigImage(daemon, registry)
  const before = contentOf(daemon)
  const env = { ...process.env, DOCKER_HOST: `unix://${daemon.socket}` }
  const client = spawn('docker', ['push', name], { env, stdio: 'ignore' })
  await until('the upload', () => uploads() > 0)
  client.kill('SIGKILL')
  await until('its end at the registry', () => registry.paths('DELETE').length > 0)
  assert.deepEqual(contentOf(daemon), before)
  registry.faults.splice(0)
  assert.equal((await daemon.docker('push', name)).status, 0)
})

test('kill -9 of the daemon in the middle: the next push does it all', { skip }, async () => {
  const { registry, uploads } = await slowRegistry()
  await using _registry = registry
  await using daemon = await TestDaemon.start({ busybox: false })
  const name = await bigImage(daemon, registry)
  const before = contentOf(daemon)
  const push = daemon.docker('push', name)
  await until('the upload', () => uploads() > 0)
  await daemon.crash()
  assert.notEqual((await push).status, 0)
  await daemon.boot()
  assert.deepEqual(contentOf(daemon), before)
  registry.faults.splice(0)
  const again = await daemon.docker('push', name)
  assert.equal(again.status, 0, again.stderr)
})

test('kill -9 while a layer is compressed leaves nothing', { skip }, async () => {
  await using registry = await startRegistry()
  await using daemon = await TestDaemon.start({ busybox: false })
  // Text that takes a while to compress.
  const words = Array.from({ length: 500_000 }, (_, at) => `${at * 7919} lorem ${at % 911} ipsum\n`)
  const tar = await tarOf([{ name: 'text', content: words.join('').repeat(8) }])
  const name = `${registry.host}/made`
  const query = new URLSearchParams({ fromSrc: '-', repo: name, tag: '1' })
  const type = { 'Content-Type': 'application/x-tar' }
  const made = await daemon.api.request('POST', `/images/create?${query}`, tar, type)
  assert.equal(made.status, 200)
  const push = daemon.docker('push', `${name}:1`)
  await until('a file of the compression', () => contentOf(daemon).length > 0)
  await daemon.crash()
  await push
  await daemon.boot()
  await until('the end of clean-up', () => contentOf(daemon).length === 0)
  const again = await daemon.docker('push', `${name}:1`)
  assert.equal(again.status, 0, again.stderr)
  assert.equal(contentOf(daemon).length, 1)
})
