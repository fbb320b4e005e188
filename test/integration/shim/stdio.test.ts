import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { Connection } from './connection.ts'
import { Sandbox, alive, native, readLog } from './fixture.ts'
import type { TestContainer } from './fixture.ts'

const box = new Sandbox()
after(() => box[Symbol.dispose]())

const open = { stdin: 'open', stdinOnce: true } as const

/** A container that runs `script`, with one client attached from the start. */
async function attached(
  connection: Connection,
  script: string,
  stdio: object = open,
  client: object = {},
): Promise<TestContainer> {
  return box.start({
    process: { argv: ['/bin/sh', '-c', script] },
    stdio,
    fds: [connection.shimFd],
    plan: { clients: [connection.client(1, client)] },
  })
}

void describe('the log', () => {
  void it('splits long lines as moby does', async () => {
    const script = `head -c 40000 /dev/zero | tr "\\0" x; echo; head -c 16384 /dev/zero | tr "\\0" y; echo; printf end`
    const { entries } = await box.run(['/bin/sh', '-c', script])
    assert.deepEqual(
      entries.map(({ log }) => `${log[0] ?? ''}${log.length}${log.endsWith('\n') ? '$' : ''}`),
      ['x16384', 'x16384', 'x7233$', 'y16384', '\n1$', 'e3'],
    )
    const times = entries.map(({ time }) => time)
    assert.equal(times[0], times[1])
    assert.equal(times[1], times[2])
    for (const time of times)
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/)
  })

  void it('escapes as Go does', async () => {
    const script = String.raw`printf '<a href="x">&\\\t\r\001\177\303\244\342\200\250\377\355\240\200\360\237\230\200\n'`
    const container = await box.start({ process: { argv: ['/bin/sh', '-c', script] } })
    await container.ended()
    assert.ok(container.plan.log.driver === 'json-file')
    const line = readFileSync(container.plan.log.path, 'utf8')
    assert.ok(
      line.startsWith(
        String.raw`{"log":"\u003ca href=\"x\"\u003e\u0026\\\u0009\r\u0001` +
          '\u007fä' +
          String.raw`\u2028\ufffd\ufffd\ufffd\ufffd` +
          '😀' +
          String.raw`\n","stream":"stdout","time":"`,
      ),
      line,
    )
  })

  void it('carries attributes', async () => {
    const log = {
      driver: 'json-file',
      path: box.path('attrs.log'),
      maxSize: -1,
      maxFile: 1,
      attrs: '{"tag":"t"}',
    } as const
    await (await box.start({ process: { argv: ['/bin/echo', 'x'] }, plan: { log } })).ended()
    assert.match(
      readFileSync(log.path, 'utf8'),
      /^\{"log":"x\\n","stream":"stdout","attrs":\{"tag":"t"\},"time":"[^"]+"\}\n$/,
    )
  })

  void it('rotates at its size, keeps that many files and loses nothing in between', async () => {
    const log = {
      driver: 'json-file',
      path: box.path('rotated.log'),
      maxSize: 10_000,
      maxFile: 3,
      attrs: '',
    } as const
    const container = await box.start({
      process: { argv: ['/bin/seq', '-w', '1', '1000'] },
      plan: { log },
    })
    assert.equal((await container.ended()).exit.exitCode, 0)
    const files = readdirSync(box.dir).filter((name) => name.startsWith('rotated.log'))
    assert.deepEqual(files.toSorted(), ['rotated.log', 'rotated.log.1', 'rotated.log.2'])
    const entries = []
    for (const name of ['rotated.log.2', 'rotated.log.1', 'rotated.log'])
      entries.push(...(await readLog(box.path(name))))
    const numbers = entries.map(({ log: line }) => Number(line))
    assert.equal(numbers.at(-1), 1000)
    assert.ok(numbers.every((n, i) => i === 0 || n === (numbers[i - 1] ?? 0) + 1))
    assert.ok(statSync(box.path('rotated.log.1')).size >= 10_000)
    assert.ok(statSync(box.path('rotated.log.1')).size < 10_200)
  })

  void it('keeps one file of its size with max-file 1', async () => {
    const log = {
      driver: 'json-file',
      path: box.path('single.log'),
      maxSize: 5_000,
      maxFile: 1,
      attrs: '',
    } as const
    await (await box.start({ process: { argv: ['/bin/seq', '1', '1000'] }, plan: { log } })).ended()
    assert.equal((await readLog(log.path)).at(-1)?.log, '1000\n')
    assert.ok(statSync(log.path).size <= 5_100)
    assert.ok(!readdirSync(box.dir).includes('single.log.1'))
  })

  void it('has a line as soon as it is written', async () => {
    const container = await box.start({
      process: { argv: ['/bin/sh', '-c', 'echo now; exec sleep 1000'] },
    })
    assert.ok(container.plan.log.driver === 'json-file')
    const { path } = container.plan.log
    const deadline = Date.now() + 5000
    while (statSync(path).size === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal((await readLog(path))[0]?.log, 'now\n')
    container.kill()
    await container.ended()
  })
})

void describe('an attached client', () => {
  void it('gets stdcopy frames and the end of the stream', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'echo out; echo err >&2')
    await alive(connection.closed)
    assert.equal(connection.text(1), 'out\n')
    assert.equal(connection.text(2), 'err\n')
    await container.ended()
  })

  void it('gets only the streams it wants', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'echo out; echo err >&2', open, { stdout: false })
    await alive(connection.closed)
    assert.deepEqual(connection.frames, [{ stream: 2, text: 'err\n' }])
    await container.ended()
  })

  void it('feeds stdin, what was read ahead first, and ends it by half-closing', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'cat; echo done', open, {
      head: Buffer.from('head,'),
    })
    connection.socket.end('tail\n')
    await alive(connection.closed)
    assert.equal(connection.text(1), 'head,tail\ndone\n')
    assert.equal((await container.ended()).exit.exitCode, 0)
  })

  void it('feeds more than a pipe holds', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'sleep 0.1; wc -c')
    connection.socket.end(Buffer.alloc(3_000_000))
    await alive(connection.closed)
    assert.equal(connection.text(1).trim(), '3000000')
    await container.ended()
  })

  void it('is finished by its own end of input when stdin is to stay open', async () => {
    using first = new Connection()
    const container = await attached(first, 'read a; read b; echo $a $b', {
      stdin: 'open',
      stdinOnce: false,
    })
    first.socket.end('one\n')
    await alive(first.closed)
    using second = new Connection()
    await container.shim.attach(second.live(), second.shimFd)
    second.socket.write('two\n')
    await alive(second.closed)
    assert.equal(second.text(1), 'one two\n')
    await container.ended()
  })

  void it('ends stdin when it vanishes and stdin is for once', async () => {
    const connection = new Connection()
    const container = await attached(connection, 'cat; echo over')
    native.closeFd(connection.shimFd)
    connection.socket.destroy()
    assert.equal((await container.ended()).stdout, 'over\n')
  })

  void it('hurts neither the container nor others when it vanishes', async () => {
    using stays = new Connection()
    const goes = new Connection()
    const container = await box.start({
      process: { argv: ['/bin/sh', '-c', 'read x; seq 1 20000; exit 5'] },
      stdio: open,
      fds: [stays.shimFd, goes.shimFd],
      plan: { clients: [stays.client(1), goes.client(2, { stdin: false })] },
    })
    native.closeFd(goes.shimFd)
    goes.socket.destroy()
    stays.socket.write('\n')
    await alive(stays.closed)
    assert.equal(stays.text(1).split('\n').length, 20001)
    const { exit, entries } = await container.ended()
    assert.equal(exit.exitCode, 5)
    assert.equal(entries.length, 20000)
  })

  void it('may come late, and is told where in the log it starts', async () => {
    const container = await box.start({
      process: { argv: ['/bin/sh', '-c', 'echo early; read x; echo late'] },
      stdio: open,
    })
    assert.ok(container.plan.log.driver === 'json-file')
    const { path } = container.plan.log
    while (statSync(path).size === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    using connection = new Connection()
    const { logOffset } = await container.shim.attach(connection.live(), connection.shimFd)
    assert.equal(logOffset, statSync(path).size)
    connection.socket.write('\n')
    await alive(connection.closed)
    assert.equal(connection.text(1), 'late\n')
    await container.ended()
  })

  void it('that does not read holds the container back, and loses nothing', async () => {
    using connection = new Connection()
    connection.socket.pause()
    const container = await attached(connection, 'seq 1 400000; echo x >&2')
    const settled = await Promise.race([
      alive(container.shim.exited).then(() => 'exited'),
      new Promise((resolve) => setTimeout(resolve, 500, 'waiting')),
    ])
    assert.equal(settled, 'waiting')
    connection.socket.resume()
    await alive(connection.closed)
    const lines = connection.text(1).trimEnd().split('\n')
    assert.equal(lines.length, 400000)
    assert.equal(lines.at(-1), '400000')
    await container.ended()
  })

  void it('gets all of the output when the process ends before it reads', async () => {
    using connection = new Connection()
    connection.socket.pause()
    const container = await attached(connection, 'seq 1 100000')
    const { exit } = await container.ended()
    assert.equal(exit.exitCode, 0)
    connection.socket.resume()
    await alive(connection.closed)
    assert.equal(connection.text(1).trimEnd().split('\n').at(-1), '100000')
  })
})

void describe('a terminal', () => {
  const tty = { tty: true, stdin: 'open', stdinOnce: true } as const

  void it('is a pty of the container, of the size asked for', async () => {
    using connection = new Connection()
    const container = await attached(
      connection,
      'tty; stty size; test -t 0 && stat -c %F /dev/console',
      {
        ...tty,
        consoleSize: [33, 101],
      },
    )
    await alive(connection.closed)
    assert.equal(connection.bytes.toString(), '/dev/pts/0\r\n33 101\r\ncharacter special file\r\n')
    assert.equal((await container.ended()).stdout, connection.bytes.toString())
  })

  void it('is resized, with SIGWINCH', async () => {
    using connection = new Connection()
    const container = await attached(
      connection,
      'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.02; done',
      tty,
    )
    await connection.until((bytes) => bytes.includes('ready'))
    await container.shim.resize(44, 122)
    await alive(connection.closed)
    assert.match(connection.bytes.toString(), /44 122/)
    await container.ended()
  })

  void it('refuses to be resized where there is none', async () => {
    const container = await box.start({ process: { argv: ['/bin/sleep', '1000'] } })
    await assert.rejects(container.shim.resize(1, 1), { code: 'ENOTTY' })
    container.kill()
    await container.ended()
  })

  void it('echoes, and takes the end of input as a key', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'cat; echo over', tty)
    connection.socket.write('hello\n')
    await connection.until((bytes) => bytes.toString().split('hello').length === 3)
    connection.socket.write('\x04')
    await alive(connection.closed)
    assert.match(connection.bytes.toString(), /over/)
    await container.ended()
  })

  void it('lets a client go that types the detach keys', async () => {
    using connection = new Connection()
    const container = await attached(connection, 'stty raw -echo; echo ready; od -An -c -N 4', tty)
    const detached = new Promise<void>((resolve) => container.shim.onDetach(resolve))
    await connection.until((bytes) => bytes.includes('ready'))
    connection.socket.write('a\x10')
    connection.socket.write('b')
    connection.socket.write('\x10')
    connection.socket.write('\x11never')
    await alive(Promise.all([connection.closed, detached]))
    using second = new Connection()
    await container.shim.attach(second.live({ detachKeys: [] }), second.shimFd)
    second.socket.write('\x11')
    await alive(second.closed)
    assert.match(second.bytes.toString().replace(/\s+/g, ' '), /a 020 b 021/)
    await container.ended()
  })

  void it('stays with the container when its client vanishes', async () => {
    const connection = new Connection()
    const container = await attached(connection, 'read x; echo got $x', tty)
    native.closeFd(connection.shimFd)
    connection.socket.destroy()
    using second = new Connection()
    await container.shim.attach(second.live(), second.shimFd)
    second.socket.write('it\n')
    await alive(second.closed)
    assert.match(second.bytes.toString(), /got it/)
    await container.ended()
  })
})
