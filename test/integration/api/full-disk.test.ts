/** A disk without room: requests say so, the daemon lives, and what frees room works. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { startRegistry, type TestRegistry } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

const FULL = /no space left on device|database or disk is full/

let scratch: string
let disk: string
let daemon: TestDaemon
let registry: TestRegistry

before(async () => {
  scratch = mkdtempSync('/dev/shm/tdocker-full-')
  disk = join(scratch, 'disk')
  mkdirSync(disk)
  execFileSync('sh', [
    ...[
      '-ec',
      'truncate -s 60M "$1/image"; mkfs.ext4 -q -m 0 "$1/image"; mount -o loop "$1/image" "$2"',
    ],
    ...['sh', scratch, disk],
  ])
  daemon = await TestDaemon.start({ base: disk })
  registry = await startRegistry()
})
after(async () => {
  free()
  try {
    await registry?.[Symbol.asyncDispose]()
    await daemon?.[Symbol.asyncDispose]()
  } finally {
    execFileSync('umount', [disk])
    rmSync(scratch, { recursive: true, force: true })
  }
})

/** Writes until nothing more fits, to the last byte. */
function fill(): void {
  const fd = openSync(join(disk, 'ballast'), 'a')
  try {
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      const block = Buffer.alloc(size, 1)
      try {
        for (;;) if (writeSync(fd, block) < size) break
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    }
  } finally {
    closeSync(fd)
  }
}

const free = (): void => rmSync(join(disk, 'ballast'), { force: true })

async function lives(): Promise<void> {
  assert.equal((await daemon.api.get('/_ping')).text, 'OK')
  assert.equal((await daemon.api.get('/containers/json?all=1')).status, 200)
}

const sleeper = { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } }

async function runs(): Promise<void> {
  const id = await daemon.run({ Cmd: ['echo', 'works'] })
  assert.equal(await daemon.wait(id), 0)
  assert.equal(await daemon.logs(id), 'works\n')
  assert.equal((await daemon.api.delete(`/containers/${id}`)).status, 204)
}

test('a pull that does not fit fails in its stream and keeps nothing of the layer', async () => {
  const image = makeImage({
    layers: [makeLayer(await tarOf([{ name: 'noise', content: randomBytes(40 << 20) }]))],
  })
  const reference = `${registry.host}/${await registry.push('test/large:1', image)}`
  const { status, text } = await daemon.api.post(
    `/images/create?fromImage=${encodeURIComponent(reference)}`,
  )
  assert.ok(status === 200 || status === 500, String(status))
  const last = JSON.parse(text.trim().split('\n').at(-1)!) as { error?: string; message?: string }
  assert.match(last.error ?? last.message ?? text, FULL)
  await lives()
  const found = await daemon.api.get(`/images/${encodeURIComponent(reference)}/json`)
  assert.equal(found.status, 404)
  await runs()
})

test('on a full disk create fails or works, and says why', async () => {
  const early = await daemon.run(sleeper, 'early')
  fill()
  const answers: string[] = []
  // The first ones may still fit into blocks that are there.
  for (let i = 0; i < 200; i++) {
    const { status, text } = await daemon.api.post('/containers/create', sleeper)
    if (status === 201) continue
    assert.equal(status, 500, text)
    assert.match(text, FULL)
    answers.push(text)
    if (answers.length === 3) break
  }
  assert.equal(answers.length, 3, 'creates never failed')
  await lives()
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  assert.deepEqual(
    readdirSync(join(daemon.dataRoot, 'containers')).sort(),
    body.map(({ Id }) => Id).sort(),
    'a directory without its container',
  )
  const inspected = await daemon.api.get<{ State: { Running: boolean } }>(
    `/containers/${early}/json`,
  )
  assert.equal(inspected.body.State.Running, true)
})

test('stop and removal work without room', async () => {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  for (const { Id } of body) {
    const { status, text } = await daemon.api.delete(`/containers/${Id}?force=1`)
    assert.equal(status, 204, text)
  }
  assert.deepEqual((await daemon.api.get('/containers/json?all=1')).body, [])
})

test('a start without room fails or works, and leaves nothing running', async () => {
  free()
  const made = await daemon.api.post<{ Id: string }>('/containers/create', {
    ...sleeper,
    HostConfig: { NetworkMode: 'bridge' },
  })
  assert.equal(made.status, 201)
  fill()
  const { status, text } = await daemon.api.post(`/containers/${made.body.Id}/start`)
  if (status !== 204) assert.match(text, FULL)
  const { body } = await daemon.api.get<{ State: { Running: boolean } }>(
    `/containers/${made.body.Id}/json`,
  )
  assert.equal(body.State.Running, status === 204)
  await lives()
  assert.equal((await daemon.api.delete(`/containers/${made.body.Id}?force=1`)).status, 204)
})

test('with room again, everything works', async () => {
  free()
  await runs()
})

test('a container that fills the disk itself is the only one to suffer', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'dd if=/dev/zero of=/big bs=64k; echo $?; yes > /more; sleep 1000'],
  })
  await until('the disk to be full', () => statfsSync(disk).bavail === 0)
  await lives()
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)
  assert.ok(!existsSync(join(daemon.dataRoot, 'containers', id)))
  await runs()
})

test('a daemon that starts on a full disk, or says why it cannot, starts when there is room', async () => {
  fill()
  await daemon.crash()
  await daemon.boot().catch((error: unknown) => assert.match(String(error), FULL))
  free()
  if (!(await daemon.answers())) await daemon.boot()
  await runs()
})
