import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { FakeDaemon, frame } from '../../testing/fake-daemon.ts'
import type { Answer, Handler, Process, Seen } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const id = 'f'.repeat(64)

interface Scene {
  readonly handler: Handler
  /** The process ends. */
  readonly exit: () => void
  /** The start request has come. */
  readonly started: Promise<void>
}

/** A container that ends with `code`; single answers may be replaced. */
function scene(
  code: number,
  replaced: (seen: Seen) => Answer | undefined = () => undefined,
): Scene {
  const exited = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const handler: Handler = (seen) => {
    const other = replaced(seen)
    if (other) return other
    const [path] = seen.line.split('?')
    switch (path) {
      case 'POST /containers/create':
        return { status: 201, body: { Id: id, Warnings: [] } }
      case `POST /containers/${id}/wait`:
        return { body: exited.promise.then(() => ({ StatusCode: code })) }
      case `POST /containers/${id}/start`:
        started.resolve()
        return { status: 204 }
      default:
        return undefined
    }
  }
  return { handler, exit: () => exited.resolve(), started: started.promise }
}

test('run: attach and wait stand before start; output first, then the exit code', async () => {
  const { handler, exit, started } = scene(3)
  await using daemon = await FakeDaemon.start(handler, async (socket) => {
    await started
    socket.end(Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')]))
    exit()
  })
  const { code, stdout, stderr } = await runCli(['run', 'busybox', 'true'], { host: daemon.host })
  assert.deepEqual([code, stdout, stderr], [3, 'out\n', 'err\n'])
  assert.deepEqual(daemon.lines, [
    'POST /containers/create',
    `POST /containers/${id}/attach?stream=1&stdout=1&stderr=1`,
    `POST /containers/${id}/wait?condition=next-exit`,
    `POST /containers/${id}/start`,
  ])
})

test('run: output that comes before start is answered is not lost', async () => {
  const { handler, exit, started } = scene(0)
  await using daemon = await FakeDaemon.start(handler, (socket) => {
    socket.end(frame(1, 'early\n'))
    void started.then(exit)
  })
  const { code, stdout } = await runCli(['run', 'busybox'], { host: daemon.host })
  assert.deepEqual([code, stdout], [0, 'early\n'])
})

test('run -i: the end of stdin closes one direction only', async () => {
  const { handler, exit } = scene(0)
  await using daemon = await FakeDaemon.start(handler, async (socket) => {
    const input = await text(socket)
    socket.end(frame(1, `got ${input}`))
    exit()
  })
  const stdin = 'x'.repeat(300_000)
  const { code, stdout } = await runCli(['run', '-i', 'busybox', 'cat'], {
    host: daemon.host,
    stdin,
  })
  assert.equal(code, 0)
  assert.equal(stdout, `got ${stdin}`)
})

test('run --rm waits for the removal', async () => {
  const { handler, exit } = scene(0)
  await using daemon = await FakeDaemon.start(handler, (socket) => {
    socket.end()
    exit()
  })
  await runCli(['run', '--rm', 'busybox'], { host: daemon.host })
  assert.ok(daemon.lines.includes(`POST /containers/${id}/wait?condition=removed`))
})

test('run -d prints the ID and attaches to nothing', async () => {
  const { handler } = scene(0)
  await using daemon = await FakeDaemon.start(handler)
  const { code, stdout } = await runCli(['run', '-d', 'busybox'], { host: daemon.host })
  assert.deepEqual([code, stdout], [0, `${id}\n`])
  assert.deepEqual(daemon.lines, ['POST /containers/create', `POST /containers/${id}/start`])
})

const failures: Array<[message: string, code: number]> = [
  ['exec: "nope": executable file not found in $PATH', 127],
  ['exec: "/etc": permission denied', 126],
  ['network foo not found', 125],
]

for (const [message, code] of failures) {
  test(`run: a start that fails with ${code}`, async () => {
    const { handler, exit } = scene(0, ({ line }) => {
      if (!line.endsWith('/start')) return undefined
      exit()
      return { status: 400, body: { message } }
    })
    await using daemon = await FakeDaemon.start(handler)
    const result = await runCli(['run', '--rm', 'busybox', 'x'], { host: daemon.host })
    assert.equal(result.code, code)
    assert.equal(
      result.stderr,
      `tdocker: Error response from daemon: ${message}\n\nRun 'tdocker run --help' for more information\n`,
    )
  })
}

test('run: a missing image is pulled, with its progress on stderr', async () => {
  let pulled = false
  const { handler, exit } = scene(0, ({ line }) => {
    if (line.startsWith('POST /images/create')) {
      pulled = true
      return { body: { status: 'Pull complete', id: 'aaa', progressDetail: {} } }
    }
    if (pulled || !line.startsWith('POST /containers/create')) return undefined
    return { status: 404, body: { message: 'No such image: busybox:latest' } }
  })
  await using daemon = await FakeDaemon.start(handler, (socket) => {
    socket.end(frame(1, 'hi\n'))
    exit()
  })
  const { code, stdout, stderr } = await runCli(['run', 'busybox'], { host: daemon.host })
  assert.deepEqual([code, stdout], [0, 'hi\n'])
  assert.equal(stderr, "Unable to find image 'busybox:latest' locally\naaa: Pull complete\n")
  assert.equal(
    daemon.lines[1],
    'POST /images/create?fromImage=docker.io%2Flibrary%2Fbusybox&tag=latest',
  )
})

test('run --pull never leaves a missing image missing', async () => {
  const missing = { status: 404, body: { message: 'No such image: busybox:latest' } }
  await using daemon = await FakeDaemon.start(() => missing)
  const { code } = await runCli(['run', '--pull', 'never', 'busybox'], { host: daemon.host })
  assert.equal(code, 125)
  assert.deepEqual(daemon.lines, ['POST /containers/create'])
})

test('pull: an error in the stream ends the program with 1', async () => {
  const failed = { body: { errorDetail: { message: 'toomanyrequests' }, error: 'toomanyrequests' } }
  await using daemon = await FakeDaemon.start(() => failed)
  const { code, stderr } = await runCli(['pull', '-q', 'busybox'], { host: daemon.host })
  assert.deepEqual([code, stderr], [1, 'toomanyrequests\n'])
})

test('--cidfile holds the ID, and goes away where no container came about', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tdocker-cli-cid-'))
  const path = join(directory, 'cid')
  try {
    let fails = true
    const { handler } = scene(0, ({ line }) =>
      fails && line.startsWith('POST /containers/create')
        ? { status: 409, body: { message: 'taken' } }
        : undefined,
    )
    await using daemon = await FakeDaemon.start(handler)
    const args = ['run', '-d', '--cidfile', path, 'busybox']
    assert.equal((await runCli(args, { host: daemon.host })).code, 125)
    assert.equal(existsSync(path), false)
    fails = false
    assert.equal((await runCli(args, { host: daemon.host })).code, 0)
    assert.equal(readFileSync(path, 'utf8'), id)
    assert.match((await runCli(args, { host: daemon.host })).stderr, /container ID file found/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** A daemon with an exec that ends with `code`. */
function execScene(code: number, process: Process): Promise<FakeDaemon> {
  return FakeDaemon.start(({ line }) => {
    if (line === 'GET /containers/web/json') return { body: { Id: id } }
    if (line === 'POST /containers/web/exec') return { status: 201, body: { Id: 'e1' } }
    if (line === 'GET /exec/e1/json') return { body: { ExitCode: code } }
    return undefined
  }, process)
}

test('exec: the body of start comes before the stream, the exit code after it', async () => {
  await using daemon = await execScene(5, async (socket) => {
    const input = await text(socket)
    socket.end(frame(2, input))
  })
  const args = ['exec', '-i', '-e', 'A=B', 'web', 'cat', '-n']
  const { code, stderr } = await runCli(args, { host: daemon.host, stdin: 'in' })
  assert.deepEqual([code, stderr], [5, 'in'])
  const start = daemon.seen.find(({ line }) => line === 'POST /exec/e1/start')
  assert.deepEqual(JSON.parse(start?.body ?? ''), { Detach: false, Tty: false })
  const created = daemon.seen.find(({ line }) => line === 'POST /containers/web/exec')
  const body = JSON.parse(created?.body ?? '') as Record<string, unknown>
  assert.deepEqual(body['Cmd'], ['cat', '-n'])
  assert.deepEqual(body['Env'], ['A=B'])
})

test('-it without a terminal is refused before anything is made', async () => {
  await using daemon = await execScene(0, () => {})
  for (const args of [
    ['run', '-it', 'busybox'],
    ['exec', '-it', 'web', 'sh'],
  ]) {
    const { code, stderr } = await runCli(args, { host: daemon.host })
    assert.deepEqual([code, stderr], [1, 'the input device is not a TTY\n'])
  }
  assert.equal(
    daemon.lines.some((line) => line.startsWith('POST')),
    false,
  )
})

test('rm: one error does not keep the others, and is the exit code', async () => {
  await using daemon = await FakeDaemon.start(({ line }) =>
    line === 'DELETE /containers/a' ? { status: 204 } : undefined,
  )
  const { code, stdout, stderr } = await runCli(['rm', 'a', 'b'], { host: daemon.host })
  assert.deepEqual([code, stdout], [1, 'a\n'])
  assert.equal(stderr, 'Error response from daemon: No such thing\n')
})

test('no daemon: one sentence, exit code 1', async () => {
  const { code, stderr } = await runCli(['ps'], { host: 'unix:///nonexistent/s' })
  assert.equal(code, 1)
  assert.equal(
    stderr,
    'Cannot connect to the tdocker daemon at unix:///nonexistent/s. Is the tdocker daemon running?\n',
  )
})

test('wrong use: usage and 125, wrong number of arguments: 1', async () => {
  const bad = await runCli(['run', '--bad', 'x'])
  assert.deepEqual(
    [bad.code, bad.stderr],
    [
      125,
      "unknown flag: --bad\n\nUsage:  tdocker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'tdocker run --help' for more information\n",
    ],
  )
  const few = await runCli(['logs'])
  assert.deepEqual(
    [few.code, few.stderr],
    [
      1,
      "tdocker: 'tdocker logs' requires 1 argument\n\nUsage:  tdocker logs [OPTIONS] CONTAINER\n\nRun 'tdocker logs --help' for more information\n",
    ],
  )
  const unknown = await runCli(['frobnicate'])
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /^tdocker: unknown command: tdocker frobnicate\n/)
})

test('a directory with a .env or bunfig.toml has no say in what the client does', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tdocker-cli-cwd-'))
  try {
    writeFileSync(join(directory, '.env'), 'TDOCKER_TEST_VARIABLE=leaked\n')
    writeFileSync(join(directory, 'bunfig.toml'), 'preload = ["./evil.ts"]\n')
    writeFileSync(join(directory, 'evil.ts'), 'console.log("evil")\n')
    await using daemon = await FakeDaemon.start(scene(0).handler)
    const args = ['create', '-e', 'TDOCKER_TEST_VARIABLE', 'busybox']
    const { stdout } = await runCli(args, { host: daemon.host, cwd: directory })
    assert.equal(stdout, `${id}\n`)
    const body = JSON.parse(daemon.seen.at(-1)?.body ?? '') as { Env: string[] }
    assert.deepEqual(body.Env, ['TDOCKER_TEST_VARIABLE'])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
