/** Images through the stock docker CLI, against a registry that asks for a password. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { request } from 'node:http'
import { test } from 'node:test'
import { shortId } from '@tdocker/oci'
import { busyboxImage, makeImage, makeLayer, tarOf } from '../lib/image-maker.ts'
import { FaultRegistry, startRegistry } from '../lib/registry.ts'
import { TestDaemon } from '../lib/test-daemon.ts'

const skip = spawnSync('docker', ['--version']).error ? 'no docker CLI on the PATH' : false

test('login, pull, run, tag, remove', { skip }, async () => {
  await using registry = await startRegistry({ htpasswd: true })
  const image = await busyboxImage()
  const name = `${registry.host}/${await registry.push('library/busybox:1.0', image)}`
  await using daemon = await TestDaemon.start({ busybox: false })
  const docker = async (...args: string[]) => {
    const { status, stdout, stderr } = await daemon.docker(...args)
    return { status, lines: `${stdout}${stderr}`.split('\n').filter((line) => line !== '') }
  }
  const failure = async (...args: string[]): Promise<string> => {
    const { status, lines } = await docker(...args)
    assert.notEqual(status, 0)
    return lines.find((line) => line.includes('Error response')) ?? lines.join('\n')
  }
  const from = 'Error response from daemon: '
  assert.equal(
    await failure('pull', name),
    `${from}Head "http://${registry.host}/v2/library/busybox/manifests/1.0": no basic auth credentials`,
  )
  assert.equal(
    await failure('login', '-u', 'test', '-p', 'wrong', registry.host),
    `${from}login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized`,
  )
  assert.equal((await docker('login', '-u', 'test', '-p', 'secret', registry.host)).status, 0)
  const layer = shortId(image.layers[0]?.digest ?? '')
  assert.deepEqual((await docker('pull', name)).lines, [
    '1.0: Pulling from library/busybox',
    `${layer}: Pulling fs layer`,
    `${layer}: Verifying Checksum`,
    `${layer}: Download complete`,
    `${layer}: Pull complete`,
    `Digest: ${image.manifest.digest}`,
    `Status: Downloaded newer image for ${name}`,
    name,
  ])
  await docker('tag', name, 'bb:x')
  assert.deepEqual((await docker('run', '--rm', 'bb:x', 'echo', 'hi')).lines, ['hi'])
  const container = (await docker('create', 'bb:x', 'true')).lines[0] ?? ''
  assert.deepEqual((await docker('rmi', 'bb:x')).lines, ['Untagged: bb:x'])
  assert.equal(
    await failure('rmi', name),
    `${from}conflict: unable to remove repository reference "${name}" (must force) - container ${container.slice(0, 12)} is using its referenced image ${shortId(image.config.digest)}`,
  )
  // Removed by force, the image serves its container on, and goes with it.
  assert.equal((await docker('rmi', '-f', name)).status, 0)
  assert.deepEqual((await docker('images', '-aq')).lines, [])
  assert.deepEqual(await docker('start', '-a', container), { status: 0, lines: [] })
  assert.equal((await docker('rm', container)).status, 0)
  assert.equal(
    await failure('pull', `${registry.host}/library/busybox:9`),
    `${from}manifest for ${registry.host}/library/busybox:9 not found: manifest unknown: manifest unknown`,
  )
})

test('a client that goes away ends its pull', { skip }, async () => {
  await using registry = await FaultRegistry.start()
  await using daemon = await TestDaemon.start({ busybox: false })
  const content = Buffer.alloc(100_000, 'x')
  const image = makeImage({ layers: [makeLayer(await tarOf([{ name: 'f', content }]))] })
  registry.add('slow:1', image)
  const digest = image.layers[0]?.digest ?? ''
  const asked = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith(digest)) return false
    response.on('close', () => left.resolve())
    response.writeHead(200, { 'content-length': image.layers[0]?.size ?? 0 }).write('x')
    asked.resolve()
    return true
  })
  const abort = new AbortController()
  const path = `/images/create?fromImage=${registry.host}/slow&tag=1`
  const pull = post(daemon.socket, path, abort.signal).catch(() => {})
  await asked.promise
  abort.abort()
  await left.promise
  await pull
})

async function post(socketPath: string, path: string, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    request({ socketPath, path, method: 'POST', signal }, (response) => {
      response.on('error', reject).on('end', resolve).resume()
    })
      .on('error', reject)
      .end()
  })
}
