/** The stock docker CLI: cp both ways, diff and export. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'
import { create, inside, remove, sleeper } from './archive-rig.ts'

const skip = hasProgram('docker') ? false : 'no docker CLI on the PATH'

let daemon: TestDaemon
let scratch: string
before(async () => {
  daemon = await TestDaemon.start()
  scratch = mkdtempSync(join(tmpdir(), 'cp-'))
})
after(async () => {
  rmSync(scratch, { recursive: true })
  await daemon[Symbol.asyncDispose]()
})

async function cp(...args: string[]): Promise<void> {
  const { status, stderr } = await daemon.docker('cp', ...args)
  assert.equal(status, 0, stderr)
}

/** A directory with a file, a link and a program. */
function localTree(name: string): string {
  const tree = join(scratch, name)
  mkdirSync(join(tree, 'sub'), { recursive: true })
  writeFileSync(join(tree, 'file'), 'content')
  symlinkSync('file', join(tree, 'link'))
  writeFileSync(join(tree, 'sub/run'), '#!/bin/sh\necho ran\n')
  chmodSync(join(tree, 'sub/run'), 0o755)
  return tree
}

for (const state of ['running', 'stopped'] as const)
  test(`${state}: there and back`, { skip }, async () => {
    const id = state === 'running' ? await sleeper(daemon) : await create(daemon, {})
    const tree = localTree(`in-${state}`)
    const out = join(scratch, `out-${state}`)
    mkdirSync(out)
    await cp(tree, `${id}:/tmp`)
    await cp(`${tree}/.`, `${id}:/root`)
    await cp(join(tree, 'file'), `${id}:/tmp/renamed`)
    await cp(`${id}:/tmp/in-${state}`, out)
    assert.equal(readFileSync(join(out, `in-${state}/file`), 'utf8'), 'content')
    assert.equal(readlinkSync(join(out, `in-${state}/link`)), 'file')
    assert.equal(lstatSync(join(out, `in-${state}/sub/run`)).mode & 0o777, 0o755)
    await cp(`${id}:/tmp/renamed`, join(out, 'back'))
    assert.equal(readFileSync(join(out, 'back'), 'utf8'), 'content')
    await cp(`${id}:/root/.`, join(out, 'root'))
    assert.equal(readFileSync(join(out, 'root/sub/run'), 'utf8'), '#!/bin/sh\necho ran\n')
    await remove(daemon, id)
  })

test('links: as they are, or with -L what they lead to', { skip }, async () => {
  const id = await sleeper(daemon)
  await inside(daemon, id, 'ln -s /etc/passwd /tmp/abs; ln -s nowhere /tmp/broken')
  await cp(`${id}:/tmp/abs`, join(scratch, 'abs'))
  assert.equal(readlinkSync(join(scratch, 'abs')), '/etc/passwd')
  await cp('-L', `${id}:/tmp/abs`, join(scratch, 'followed'))
  assert.match(readFileSync(join(scratch, 'followed'), 'utf8'), /^root:x:0:0/)
  await cp(`${id}:/tmp/broken`, join(scratch, 'broken'))
  assert.equal(readlinkSync(join(scratch, 'broken')), 'nowhere')
  // A destination that is a link to a directory is followed.
  await inside(daemon, id, 'mkdir /tmp/target; ln -s /tmp/target /tmp/todir')
  writeFileSync(join(scratch, 'f'), 'through')
  await cp(join(scratch, 'f'), `${id}:/tmp/todir`)
  assert.equal(await inside(daemon, id, 'cat /tmp/target/f'), 'through')
  await remove(daemon, id)
})

test('-a keeps owners, stdin and stdout are tar streams', { skip }, async () => {
  const id = await sleeper(daemon)
  const tree = localTree('owned')
  await cp('-a', tree, `${id}:/tmp`)
  assert.match(await inside(daemon, id, 'stat -c %u:%g /tmp/owned/file'), /^0:0/)
  const script =
    'tar -C "$1" -cf - owned | docker cp - "$2":/root && docker cp "$2":/root/owned - | tar -tf -'
  const piped = await daemon.command('sh', ['-c', script, 'sh', scratch, id])
  assert.equal(piped.status, 0, piped.stderr)
  assert.deepEqual(piped.stdout.trim().split('\n'), [
    'owned/',
    'owned/file',
    'owned/link',
    'owned/sub/',
    'owned/sub/run',
  ])
  await remove(daemon, id)
})

test('errors in the CLI’s words', { skip }, async () => {
  const id = await sleeper(daemon)
  const gone = await daemon.docker('cp', `${id}:/nowhere`, scratch)
  assert.equal(gone.status, 1)
  assert.match(gone.stderr, new RegExp(`Could not find the file /nowhere in container ${id}`))
  writeFileSync(join(scratch, 'e'), '')
  const into = await daemon.docker('cp', join(scratch, 'e'), `${id}:/no/where`)
  assert.notEqual(into.status, 0)
  mkdirSync(join(scratch, 'dir'), { recursive: true })
  const over = await daemon.docker('cp', join(scratch, 'dir'), `${id}:/etc/passwd`)
  assert.match(over.stderr, /cannot copy directory|not a directory/)
  await remove(daemon, id)
})

test('diff and export', { skip }, async () => {
  const id = await daemon.run({ Cmd: ['sh', '-c', 'echo x > /tmp/x; rm /bin/ls'] })
  await daemon.wait(id)
  const diff = await daemon.docker('diff', id)
  assert.equal(diff.stdout, 'C /bin\nD /bin/ls\nC /tmp\nA /tmp/x\n')
  const archive = join(scratch, 'export.tar')
  const exported = await daemon.docker('export', '-o', archive, id)
  assert.equal(exported.status, 0, exported.stderr)
  const list = spawnSync('tar', ['-tf', archive], { encoding: 'utf8' }).stdout.split('\n')
  assert.ok(list.includes('tmp/x'))
  assert.ok(!list.includes('bin/ls'))
  await remove(daemon, id)
})
