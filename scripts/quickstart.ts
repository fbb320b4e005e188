/**
 * The first minutes: starts `tdockerd` when it does not run, brings `busybox` (from its registry, or
 * made from Debian's busybox-static where no registry can be reached), runs a container and shows it.
 *
 *     npm run quickstart [-- --stop]
 *
 * `--stop` ends the containers and the daemon; only the data under /var/lib/tdocker stays.
 */
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')
const bin = join(root, 'node_modules/.bin')
const socket = process.env['TDOCKER_QUICKSTART_SOCKET'] ?? '/run/tdocker.sock'
const dataRoot = process.env['TDOCKER_QUICKSTART_DATA'] ?? '/var/lib/tdocker'
/** On tmpfs: many small files, none of which outlives a reboot. */
const execRoot = process.env['TDOCKER_QUICKSTART_EXEC'] ?? '/dev/shm/tdocker'
const extraFlags = (process.env['TDOCKER_QUICKSTART_FLAGS'] ?? '').split(' ').filter(Boolean)
const pidFile = join(execRoot, 'tdockerd.pid')
const logFile = join(dataRoot, 'tdockerd.log')

if (process.argv.includes('--stop')) await stop()
else await start()

async function start(): Promise<void> {
  if (await answers()) say(`tdockerd is running on ${socket}`)
  else await startDaemon()
  if (tdocker('image', 'inspect', 'busybox').status !== 0) await bringBusybox()
  show('run', '--rm', 'busybox', 'echo', 'Hello from a container of your own engine')
  tdocker('rm', '-f', 'quickstart')
  show('run', '-d', '--name', 'quickstart', 'busybox', 'sh', '-c', 'while sleep 1; do date; done')
  show('ps')
  show('images')
  say(`
What to type next:
  ${bin}/tdocker run -it --rm busybox sh
  ${bin}/tdocker logs -f quickstart
  DOCKER_HOST=unix://${socket} docker ps

\`npm run quickstart -- --stop\` ends the containers and the daemon.`)
}

async function startDaemon(): Promise<void> {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 })
  mkdirSync(execRoot, { recursive: true, mode: 0o710 })
  const log = openSync(logFile, 'a', 0o600)
  const flags = [
    '-H',
    `unix://${socket}`,
    '--data-root',
    dataRoot,
    '--exec-root',
    execRoot,
    '--pidfile',
    pidFile,
  ]
  const daemon = spawn(join(bin, 'tdockerd'), [...flags, ...extraFlags], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  let exited = false
  daemon.on('exit', () => (exited = true))
  daemon.unref()
  while (!(await answers())) {
    if (exited) die(`tdockerd did not start; the end of ${logFile}:\n${tail(logFile)}`)
    await delay(10)
  }
  say(`tdockerd started: socket ${socket}, data ${dataRoot}, log ${logFile}`)
}

async function bringBusybox(): Promise<void> {
  say('pulling busybox')
  const pulled = spawnSync(join(bin, 'tdocker'), ['pull', 'busybox'], {
    ...env(),
    timeout: 60_000,
    encoding: 'utf8',
  })
  if (pulled.status === 0) return void process.stdout.write(pulled.stdout)
  say(
    `no registry can be reached (${lastLine(pulled.stderr)}); making busybox:latest from Debian's busybox-static`,
  )
  await importImage('busybox', 'latest', busyboxTar())
}

/** A root file system of one static program and its applets' links. */
function busyboxTar(): Buffer {
  const tree = mkdtempSync(join(tmpdir(), 'busybox-'))
  try {
    for (const dir of ['bin', 'etc', 'tmp', 'root', 'var', 'home']) mkdirSync(join(tree, dir))
    const program = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync)
    if (!program) die('busybox-static is not installed')
    copyFileSync(program, join(tree, 'bin/busybox'))
    const applets = spawnSync(program, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n')
    for (const applet of applets)
      if (applet !== 'busybox') symlinkSync('busybox', join(tree, 'bin', applet))
    const passwd = [
      'root:x:0:0:root:/root:/bin/sh',
      'nobody:x:65534:65534:nobody:/home:/bin/false',
      '',
    ]
    const write = spawnSync(
      'sh',
      [
        '-c',
        'cat >etc/passwd; printf "root:x:0:\\nnogroup:x:65534:\\n" >etc/group; chmod 1777 tmp; chmod 700 root',
      ],
      { cwd: tree, input: passwd.join('\n') },
    )
    if (write.status !== 0) die('could not write the busybox tree')
    return spawnSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-cf', '-', '.'], {
      cwd: tree,
      maxBuffer: 1 << 26,
    }).stdout
  } finally {
    rmSync(tree, { recursive: true })
  }
}

function importImage(repo: string, tag: string, tar: Buffer): Promise<void> {
  const query = new URLSearchParams({ fromSrc: '-', repo, tag, changes: 'CMD ["sh"]' })
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath: socket,
        path: `/images/create?${query}`,
        method: 'POST',
        headers: { 'Content-Type': 'application/x-tar', 'Content-Length': tar.length },
      },
      (answer) => {
        let text = ''
        answer.on('data', (part: Buffer) => (text += part.toString()))
        answer.on('end', () => {
          if (answer.statusCode === 200 && !text.includes('"error"')) resolve()
          else reject(new Error(`import answered ${answer.statusCode}: ${text}`))
        })
      },
    )
    request.on('error', reject)
    request.end(tar)
  })
}

async function stop(): Promise<void> {
  if (!(await answers())) return say(`nothing answers on ${socket}`)
  const ids = tdocker('ps', '-aq').stdout.split('\n').filter(Boolean)
  if (ids.length > 0) tdocker('rm', '-f', ...ids)
  const pid = Number(readFileSync(pidFile, 'utf8'))
  process.kill(pid, 'SIGTERM')
  while (isAlive(pid)) await delay(10)
  rmSync(execRoot, { recursive: true, force: true })
  say(`stopped; the data is in ${dataRoot}`)
}

/** True when a daemon answers on the socket. */
function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath: socket, path: '/_ping', timeout: 2000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.on('error', () => resolve(false))
    request.on('timeout', () => request.destroy())
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function env(): { env: NodeJS.ProcessEnv } {
  return { env: { ...process.env, DOCKER_HOST: `unix://${socket}` } }
}

function tdocker(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(join(bin, 'tdocker'), args, { ...env(), encoding: 'utf8' })
}

/** Runs a command in view: what a user would type and see. */
function show(...args: string[]): void {
  const shown = args.map((arg) => (/^[\w./:@=-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')
  say(`\n$ tdocker ${shown}`)
  const { status } = spawnSync(join(bin, 'tdocker'), args, { ...env(), stdio: 'inherit' })
  if (status !== 0) die(`tdocker ${args[0]} ended with ${status}`)
}

function say(text: string): void {
  console.log(text)
}

function die(text: string): never {
  console.error(text)
  process.exit(1)
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-12).join('\n')
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
