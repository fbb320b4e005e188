/** Sparse files as GNU tar writes them, in each of its forms: holes arrive as holes. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { makeTar, tarEntry } from '../kernel/tar-maker.ts'
import { get, inside, put, remove, sleeper } from './archive-rig.ts'

let daemon: TestDaemon
let scratch: string
before(async () => {
  daemon = await TestDaemon.start()
  scratch = mkdtempSync(join(tmpdir(), 'sparse-'))
})
after(async () => {
  rmSync(scratch, { recursive: true })
  await daemon[Symbol.asyncDispose]()
})

const SIZE = 8 << 20
const PIECES = 40

function sparseFile(): void {
  const file = openSync(join(scratch, 'sparse'), 'w')
  for (let i = 0; i < PIECES; i++) writeSync(file, `piece ${i}`, i * 131_072 + 65_536)
  ftruncateSync(file, SIZE)
  closeSync(file)
}

test('each form of GNU tar', async (t) => {
  sparseFile()
  const id = await sleeper(daemon)
  for (const form of [
    ['--format=gnu'],
    ['--format=posix', '--sparse-version=0.0'],
    ['--format=posix', '--sparse-version=0.1'],
    ['--format=posix', '--sparse-version=1.0'],
  ])
    await t.test(form.join(' '), async () => {
      const packed = spawnSync('tar', ['-S', ...form, '-cf', '-', 'sparse'], { cwd: scratch })
      assert.equal(packed.status, 0, String(packed.stderr))
      assert.ok(packed.stdout.length < SIZE / 4)
      const answer = await put(daemon, id, '/tmp', packed.stdout)
      assert.equal(answer.status, 200, answer.text)
      const [entry] = await get(daemon, id, '/tmp/sparse')
      assert.equal(entry?.content.length, SIZE)
      for (let i = 0; i < PIECES; i++)
        assert.equal(
          entry.content
            .subarray(i * 131_072 + 65_536)
            .toString('latin1', 0, 8)
            .replaceAll('\0', ''),
          `piece ${i}`,
        )
      const blocks = Number(await inside(daemon, id, 'stat -c %b /tmp/sparse'))
      assert.ok(blocks * 512 < SIZE / 2, `${blocks} blocks`)
      await inside(daemon, id, 'rm /tmp/sparse')
    })
  await remove(daemon, id)
})

test('maps that lie are refused', async () => {
  const id = await sleeper(daemon)
  const pax = (map: string, size = '100'): Buffer =>
    makeTar({
      name: 'f',
      content: 'x'.repeat(10),
      pax: {
        'GNU.sparse.map': map,
        'GNU.sparse.numblocks': String(Math.ceil(map.split(',').length / 2)),
        'GNU.sparse.size': size,
        'GNU.sparse.name': 'f',
      },
    })
  for (const map of ['0,20', '95,10', '10,5,5,5', '0,-10', '0,x', '1', '0,9223372036854775807'])
    assert.equal((await put(daemon, id, '/tmp', pax(map))).status, 500, map)
  assert.equal((await put(daemon, id, '/tmp', pax('0,10', '-1'))).status, 500)
  assert.equal((await put(daemon, id, '/tmp', pax('5,10', '15'))).status, 200)
  const text = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '9' }
  for (const content of ['99999999999\n', 'x\n', '1\n0\n', '1'.repeat(600), ''])
    assert.equal(
      (await put(daemon, id, '/tmp', makeTar({ name: 'g', content, pax: text }))).status,
      500,
      content,
    )
  const cut = Buffer.concat([tarEntry({ name: 'h', type: 'S', size: 512 })])
  assert.equal((await put(daemon, id, '/tmp', cut)).status, 500)
  await remove(daemon, id)
})
