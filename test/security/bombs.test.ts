/** Archives that become larger than the disk: on a small tmpfs they end with a clear error, and free it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { makeTar, tarEntry } from '../integration/kernel/tar-maker.ts'
import { makeImage, makeLayer } from '../lib/image-maker.ts'
import { FaultRegistry } from '../lib/registry.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { bombArchives } from './corpus/packed.ts'
import { withDockerfile } from './hostile-builds.ts'

const MIB = 1 << 20
const DISK = 96 * MIB

let base: string
let daemon: TestDaemon
let registry: FaultRegistry
let free: number
before(async () => {
  base = mkdtempSync('/dev/shm/tdocker-bombs-')
  const options = `size=${DISK},nr_inodes=20000`
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', base]).status, 0)
  registry = await FaultRegistry.start()
  daemon = await TestDaemon.start({ base, busybox: false })
  free = freeBytes()
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
  spawnSync('umount', [base])
  rmSync(base, { recursive: true })
})

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(base)
  return bavail * bsize
}

/** All that was taken is given back; the database sets 4 MiB aside some time after the start. */
async function freed(name: string): Promise<void> {
  await until(`the disk freed after ${name}`, () => freeBytes() > free - 8 * MIB)
  assert.equal((await daemon.api.get('/_ping')).status, 200)
  assert.deepEqual((await daemon.api.get('/images/json')).body, [])
}

async function imported(archive: Buffer): Promise<string> {
  const answer = await daemon.api.request('POST', '/images/create?fromSrc=-', archive, {
    'Content-Type': 'application/x-tar',
  })
  return answer.text
}

async function pulled(archive: Buffer): Promise<string> {
  registry.add('bomb:1', makeImage({ layers: [makeLayer(archive, { compression: 'none' })] }))
  const reference = encodeURIComponent(`${registry.host}/bomb:1`)
  return (await daemon.api.post(`/images/create?fromImage=${reference}`)).text
}

async function built(context: Buffer): Promise<string> {
  const answer = await daemon.api.request('POST', '/build', context, {
    'Content-Type': 'application/x-tar',
  })
  return answer.text
}

const FULL = /"(error|message)":"[^"]*no space left on device"/

for (const { name, build } of bombArchives)
  test(`${name}: no space left on device`, async () => {
    const archive = build({ outside: '/nowhere', pid: 1 })
    assert.ok(archive.length < 20 * MIB, `${archive.length} bytes`)
    assert.match(await imported(archive), FULL)
    await freed(name)
    assert.match(await pulled(archive), FULL)
    await freed(name)
  })

for (const { name, build } of bombArchives)
  test(`${name}: as a context and by ADD`, async () => {
    const archive = build({ outside: '/nowhere', pid: 1 })
    const full = /"(error|message)":"[^"]*(no space left on device|room on the disk|Cannot locate)/
    assert.match(await built(withDockerfile(archive, 'FROM scratch\nCOPY . /\n')), full)
    await freed(`${name} as a context`)
    const added = makeTar(
      { name: 'Dockerfile', content: 'FROM scratch\nADD bomb.tar /\n' },
      { name: 'bomb.tar', content: archive },
    )
    // Nobody reads on behind an archive's end.
    const text = await built(added)
    if (name === 'bomb-after-end') assert.match(text, /Successfully built/)
    else assert.match(text, full)
    await daemon.api.post('/images/prune?filters={"dangling":["true"]}')
    await freed(`${name} by ADD`)
  })

test('as many files as there are no inodes for', async () => {
  const files = Array.from({ length: 30_000 }, (_, at) => tarEntry({ name: `${at}` }))
  const archive = gzipSync(Buffer.concat([...files, makeTar()]), { level: 1 })
  assert.match(await imported(archive), FULL)
  await freed('files')
  const directories = Array.from({ length: 30_000 }, (_, at) =>
    tarEntry({ name: `${at}`, type: '5' }),
  )
  assert.match(await pulled(zstdCompressSync(Buffer.concat([...directories, makeTar()]))), FULL)
  await freed('directories')
})

test('content that just does not fit, without any trick', async () => {
  const half = Array.from({ length: 2 }, (_, at) =>
    tarEntry({ name: `${at}`, content: Buffer.alloc(DISK / 2) }),
  )
  assert.match(await imported(Buffer.concat([...half, makeTar()])), FULL)
  await freed('content')
})

test('a bomb of two levels stays what it is: a file', async () => {
  const inner = gzipSync(Buffer.alloc(200 * MIB), { level: 1 })
  const text = await imported(gzipSync(makeTar({ name: 'inner.gz', content: inner })))
  assert.match(text, /"status":"sha256:/)
  const [image] = (await daemon.api.get<Array<{ Id: string }>>('/images/json')).body
  await daemon.api.delete(`/images/${image?.Id}?force=1`)
  await freed('two levels')
})
