/** Ways to repositories: ssh with the client's agent, git's own protocol, files alone; and none at all. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { type Server as HttpServer, createServer as createHttpServer, request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GitServer } from '../../lib/git-server.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { build, built, outputOf } from './build-rig.ts'

let daemon: TestDaemon
let server: GitServer
before(async () => {
  server = await GitServer.start()
  const bin = join(server.directory, 'bin')
  mkdirSync(bin)
  // Stands for ssh: says what it was asked for and by which keys, and is the server's end as well.
  writeFileSync(
    join(bin, 'ssh'),
    `#!/bin/sh\n{ echo "$@"; ssh-add -l; } >>${server.directory}/ssh.log 2>&1\n` +
      `for last; do :; done\nexec env -i PATH="$PATH" sh -c "$last"\n`,
    { mode: 0o755 },
  )
  daemon = await TestDaemon.start({ env: { PATH: `${bin}:${process.env['PATH']}` } })
  server.repository('app').commit({ Dockerfile: 'FROM busybox\nCOPY f /f\n', f: 'fetched' })
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const sshLog = (): string => readFileSync(join(server.directory, 'ssh.log'), 'utf8')

test('by ssh, without anything of this machine, and with the keys of the client', async () => {
  const path = join(server.directory, 'app')
  const made = await built(daemon, Buffer.alloc(0), { remote: `ssh://user@host:2222${path}` })
  assert.equal(await outputOf(daemon, made.id, 'cat /f'), 'fetched')
  assert.match(sshLog(), /^-F \/dev\/null -o BatchMode=yes .*-p 2222 user@host git-upload-pack '/)
  assert.doesNotMatch(sshLog(), /SHA256:/)

  const agent = `${server.directory}/agent`
  const key = `${server.directory}/key`
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test-key', '-f', key])
  const child = spawn('ssh-agent', ['-D', '-a', agent], { stdio: 'ignore' })
  try {
    await until('the agent', () => statSync(agent, { throwIfNoEntry: false }))
    execFileSync('ssh-add', ['-q', key], {
      env: { ...process.env, SSH_AUTH_SOCK: agent },
      stdio: 'ignore',
    })
    const scp = `git@host:${path}`
    const by = await daemon.tdocker('build', '--ssh', `default=${agent}`, '-t', 'by-agent', scp)
    assert.equal(by.status, 0, by.stderr)
    assert.match(sshLog(), /256 SHA256:\S+ test-key \(ED25519\)\n/)
    const added = await built(daemon, { Dockerfile: `FROM busybox\nADD ${scp} /a/\n` })
    assert.equal(await outputOf(daemon, added.id, 'cat /a/f'), 'fetched')
  } finally {
    child.kill()
  }
})

test('by git’s own protocol', async () => {
  const port = await freePort()
  const child: ChildProcess = spawn(
    'git',
    [
      '-c',
      'safe.directory=*',
      'daemon',
      '--export-all',
      '--listen=127.0.0.1',
      `--port=${port}`,
      `--base-path=${server.directory}`,
    ],
    {
      stdio: 'ignore',
      detached: true,
      env: {
        ...process.env,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
    },
  )
  try {
    const remote = `git://127.0.0.1:${port}/app#main`
    await until('git daemon', async () => {
      const made = await build(daemon, Buffer.alloc(0), { remote })
      return made.error === '' && made.id !== ''
    })
  } finally {
    process.kill(-child.pid!, 'SIGKILL')
  }
})

test('from a server of files alone, which cannot cut off history', async () => {
  server.repository('files').commit({ Dockerfile: 'FROM busybox\nCOPY f /f\n', f: 'dumb' })
  execFileSync('git', ['-C', join(server.directory, 'files'), 'update-server-info'])
  const files = createHttpServer((incoming, response) => {
    const path = join(server.directory, incoming.url!.split('?')[0]!)
    if (!statSync(path, { throwIfNoEntry: false })?.isFile())
      return void response.writeHead(404).end()
    response.end(readFileSync(path))
  })
  await listen(files)
  try {
    const remote = `http://127.0.0.1:${(files.address() as AddressInfo).port}/files.git`
    const made = await built(daemon, Buffer.alloc(0), { remote })
    assert.equal(await outputOf(daemon, made.id, 'cat /f'), 'dumb')
  } finally {
    files.closeAllConnections()
    files.close()
  }
})

test('a client that goes away ends the program, and leaves nothing', async () => {
  const { asked, silent, remote, path } = await silentServer()
  try {
    const client = request({ socketPath: daemon.socket, method: 'POST', path })
    client.on('error', () => {}).end()
    await asked
    const pids = programs(remote)
    assert.ok(pids.length > 0)
    for (const pid of pids.filter((each) => nameOf(each).startsWith('git'))) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      assert.match(status, /^CapEff:\t0+$/m)
      assert.match(status, /^NoNewPrivs:\t1$/m)
      assert.doesNotMatch(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max file size +unlimited/)
    }
    client.destroy()
    await until('the program’s end', () => programs(remote).length === 0)
    await until('the workspace’s end', () =>
      directories(daemon).every((name) => !name.endsWith('/scratch')),
    )
  } finally {
    silent.closeAllConnections()
    silent.close()
  }
})

test('a daemon that is killed takes the program along, and the next one its files', async () => {
  await using killed = await TestDaemon.start()
  const { asked, silent, remote, path } = await silentServer()
  try {
    request({ socketPath: killed.socket, method: 'POST', path })
      .on('error', () => {})
      .end()
    await asked
    await killed.crash()
    await until('the program’s end', () => programs(remote).length === 0)
    await killed.boot()
    await until('the end of its files', () =>
      directories(killed).every((name) => !name.endsWith('/scratch')),
    )
    const { error } = await build(killed, Buffer.alloc(0), { remote: server.url('app') })
    assert.equal(error, '')
  } finally {
    silent.closeAllConnections()
    silent.close()
  }
})

test('without the program on the machine a sentence says so', async () => {
  await using bare = await TestDaemon.start({ busybox: false, env: { PATH: '/nowhere' } })
  const { error } = await build(bare, Buffer.alloc(0), { remote: server.url('app') })
  assert.equal(
    error,
    "sources from git need the git program on the daemon's machine: install git there",
  )
})

/** Lets git wait for ever; `asked` once it does. */
async function silentServer(): Promise<{
  silent: HttpServer
  asked: Promise<void>
  remote: string
  path: string
}> {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const silent = createHttpServer((incoming, response) => {
    // The first request is ours, to see where the address leads.
    if (/^git\/\d+\.\d/.test(incoming.headers['user-agent'] ?? '')) resolve()
    else response.writeHead(200).end()
  })
  await listen(silent)
  const remote = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/r.git`
  return { silent, asked, remote, path: `/build?remote=${encodeURIComponent(remote)}` }
}

/** Processes with that among their arguments. */
function programs(argument: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(argument)
      } catch {
        return false
      }
    })
}

function nameOf(pid: string): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8')
}

function directories(of: TestDaemon): string[] {
  try {
    return readdirSync(of.dataRoot, { recursive: true }).map(String)
  } catch {
    // One went away meanwhile.
    return ['/scratch']
  }
}

async function listen(listener: Server): Promise<void> {
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done))
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await listen(probe)
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}
