/** Hostile clients of build sessions: each may fail its own build, and nothing else. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  encodeFrame,
  FRAME,
  INITIAL_WINDOW,
  MAX_PAYLOAD,
} from '@tdocker/api/build-session/frames.ts'
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { tarOf } from '../lib/image-maker.ts'
import { buildWith, newSessionId, upgrade } from '../lib/session-client.ts'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { outputOf } from '../integration/build/build-rig.ts'

let daemon: TestDaemon
let canary: string
before(async () => {
  daemon = await TestDaemon.start()
  canary = join(daemon.directory, 'canary')
  mkdirSync(canary)
  writeFileSync(join(canary, 'file'), 'untouched')
})
after(() => daemon[Symbol.asyncDispose]())

const dockerfile = 'FROM busybox\nCOPY . /ctx\n'
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
const file = (path: string, text: string): ListingRow => [
  'f',
  path,
  0o644,
  text.length,
  1,
  digest(text),
]

function assertUntouched(): void {
  assert.deepEqual(readdirSync(canary), ['file'])
  assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'untouched')
}

test('ids that could be guessed are refused, and so is one in use', async () => {
  for (const id of ['', 'short', 'G'.repeat(64), 'a'.repeat(31), '../../x', 'a'.repeat(200)]) {
    const refused = await upgrade(daemon, encodeURIComponent(id))
    assert.equal('status' in refused && refused.status, 400, id)
  }
  const id = newSessionId()
  const first = await upgrade(daemon, id)
  assert.ok('socket' in first)
  const second = await upgrade(daemon, id)
  assert.equal('status' in second && second.status, 409)
  first.socket.destroy()
})

test('a session is good for one build', async () => {
  const id = newSessionId()
  const opened = await upgrade(daemon, id)
  assert.ok('socket' in opened)
  const hello = { version: 1, agents: [], directories: [] }
  opened.socket.write(encodeFrame(FRAME.hello, 0, Buffer.from(JSON.stringify(hello))))
  const build = (): Promise<{ text: string }> =>
    daemon.api.request('POST', `/build?session=${id}`, tar, { 'Content-Type': 'application/x-tar' })
  const tar = await tarOf([
    { name: 'Dockerfile', type: 'file', content: 'FROM busybox\nRUN sleep 2\n' },
  ])
  const first = build()
  await until('the step', async () => {
    const { body } = await daemon.api.get<unknown[]>('/containers/json')
    return body.length > 0
  })
  assert.match((await build()).text, /another build has this session/)
  assert.match((await first).text, /Successfully built/)
})

test('what is no protocol ends the connection', async () => {
  const ends: Record<string, Buffer> = {
    garbage: Buffer.alloc(100_000, 0xff),
    'a huge frame': encodeFrame(FRAME.hello, 0, Buffer.alloc(MAX_PAYLOAD + 1)),
    'a hello that is none': encodeFrame(FRAME.hello, 0, Buffer.from('[]')),
    'another version': encodeFrame(FRAME.hello, 0, Buffer.from('{"version":2}')),
    'a stream of its own': encodeFrame(FRAME.open, 1, Buffer.from('{"kind":"secret"}')),
  }
  for (const [what, bytes] of Object.entries(ends)) {
    const opened = await upgrade(daemon, newSessionId())
    assert.ok('socket' in opened)
    opened.socket.write(bytes)
    await until(`${what}: the end`, async () => opened.socket.resume().closed)
  }
  const silent = await upgrade(daemon, newSessionId())
  assert.ok('socket' in silent)
  await until('the end of one that says nothing', async () => silent.socket.resume().closed)
})

test('a flood in place of messages ends the build alone', async () => {
  const made = await buildWith(daemon, {
    dockerfile,
    directory: async (stream) => {
      for (let at = 0; at < (INITIAL_WINDOW / MAX_PAYLOAD) * 4; at++)
        stream.write(Buffer.alloc(MAX_PAYLOAD, 1))
    },
  })
  assert.match(made.error, /failed to receive the build context: a message that is none/)
})

const lies: Record<string, { rows?: unknown[]; same?: string; error: RegExp }> = {
  'a path upwards': { rows: [file('../x', 'x')], error: /invalid path "\.\.\/x"/ },
  'a path upwards within': { rows: [file('a/../../x', 'x')], error: /invalid path/ },
  'an absolute path': { rows: [file('/etc/x', 'x')], error: /invalid path/ },
  'no path': { rows: [file('', 'x')], error: /invalid path/ },
  'a path with NUL': { rows: [file('a\0b', 'x')], error: /invalid path/ },
  'twice the same': { rows: [file('a', 'x'), file('a', 'y')], error: /a comes twice/ },
  'another name upwards': { rows: [['h', 'a', 0o644, 0, 1, '../x']], error: /invalid path/ },
  'no row': { rows: [null], error: /a row of another form/ },
  'a mode that is none': { rows: [['f', 'a', -1, 1, 1, '']], error: /a row of another form/ },
  'a digest that is none': { rows: [['f', 'a', 1, 1, 1, 'x']], error: /a digest of another form/ },
  'a listing that nobody has': { same: 'f'.repeat(64), error: /a listing that was not offered/ },
}
for (const [what, { rows, same, error }] of Object.entries(lies))
  test(`a listing with ${what}`, async () => {
    const made = await buildWith(daemon, {
      dockerfile,
      ...(rows && { rows: rows as ListingRow[] }),
      ...(same !== undefined && { same }),
    })
    assert.match(made.error, error)
  })

test('a tar with what was not asked for', async () => {
  for (const name of ['other', '../up', '/etc/up', 'a/../../up']) {
    const tar = await tarOf([{ name, type: 'file', content: 'x' }])
    const made = await buildWith(daemon, { dockerfile, rows: [file('a', 'x')], tar })
    assert.match(made.error, /was not asked for/, name)
  }
  assert.ok(!existsSync(join(daemon.dataRoot, 'up')))
  const xattr = await buildWith(daemon, {
    dockerfile,
    rows: [file('a', 'x')],
    tar: await tarOf([
      { name: 'a', type: 'file', content: 'x', pax: { 'SCHILY.xattr.user.x': 'y' } } as never,
    ]),
  })
  assert.match(xattr.error, /extended attributes/)
})

test('parents that are links lead nowhere else', async () => {
  const client = newSessionId()
  const rows: ListingRow[] = [['l', 'a', 0o777, 0, 1, canary], file('a/file', 'evil')]
  const tar = await tarOf([
    { name: 'a', type: 'symlink', linkname: canary },
    { name: 'a/file', type: 'file', content: 'evil' },
  ])
  await buildWith(daemon, { client, dockerfile, rows, tar })
  assertUntouched()
  // Whatever became of it: what goes, is touched or copied goes by the same ways.
  await buildWith(daemon, {
    client,
    dockerfile,
    rows: [rows[0]!, ['f', 'a/file', 0o777, 4, 9, digest('evil')]],
    tar,
  })
  await buildWith(daemon, { client, dockerfile, rows: [rows[0]!, file('a/new', 'evil')], tar })
  await buildWith(daemon, { client, dockerfile, rows: [rows[0]!], tar })
  await buildWith(daemon, {
    client,
    dockerfile,
    rows: [file('a', 'evil')],
    tar: await tarOf([{ name: 'a', type: 'file', content: 'evil' }]),
  })
  assertUntouched()
})

test('a client gets no file by telling its digest, and lies about one to itself alone', async () => {
  const text = 'of another client'
  const row = file('mine', text)
  const tar = await tarOf([{ name: 'mine', type: 'file', content: text }])
  const owner = await buildWith(daemon, { dockerfile, rows: [row], tar })
  assert.equal(owner.error, '')
  const thief = await buildWith(daemon, { dockerfile, rows: [row] })
  assert.deepEqual(thief.asked, [0])
  // What it sends in its place is not taken for what it said: neither by the cache of steps…
  const other = await tarOf([{ name: 'mine', type: 'file', content: 'something altogether else' }])
  const liar = await buildWith(daemon, { dockerfile, rows: [row], tar: other })
  assert.equal(await outputOf(daemon, liar.id, 'cat /ctx/mine'), 'something altogether else')
  const again = await buildWith(daemon, { dockerfile, rows: [row], tar })
  assert.equal(await outputOf(daemon, again.id, 'cat /ctx/mine'), text)
})

test('a client that goes away in the middle takes its build along', async () => {
  const before = readdirSync(join(daemon.dataRoot, 'build-contexts')).length
  const made = await buildWith(daemon, {
    dockerfile,
    directory: async (stream) => {
      setTimeout(() => stream.destroy(new Error('gone')), 100)
    },
  })
  assert.match(made.error, /failed to receive the build context/)
  await until('its end', async () => {
    return readdirSync(join(daemon.dataRoot, 'build-contexts')).length <= before
  })
})

test('one that stays does not keep the daemon from ending', async () => {
  await using own = await TestDaemon.start({ busybox: false })
  const opened = await upgrade(own, newSessionId())
  assert.ok('socket' in opened)
  const hello = { version: 1, agents: [], directories: [] }
  opened.socket.write(encodeFrame(FRAME.hello, 0, Buffer.from(JSON.stringify(hello))))
  assert.equal(await own.end('SIGTERM'), 0)
  opened.socket.destroy()
})
