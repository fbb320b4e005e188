/**
 * The git program of this machine, run on repositories that nobody vouches for. It only ever fetches
 * into a bare repository of ours and reads from it: there is no work tree, no hook, no filter and no
 * configuration but what stands here, and nothing of a repository is run (git-config(1), git(1)). It has
 * no capabilities, and ends with the daemon.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { cancelled, isKind, system, unavailable } from '../../base/errors.ts'
import { serveAgent } from './agent-socket.ts'
import { launcher } from './launcher.ts'

export interface GitPlace {
  /** A bare repository, or an empty directory where none is needed. */
  directory: string
  /** Value of an `Authorization` header and the addresses that get it. */
  auth: { scope: string; header: string } | undefined
  /** Connects to an agent with keys for ssh. */
  agent: (() => Duplex) | undefined
  signal: AbortSignal
}

export class GitFailure extends Error {
  readonly stderr: string
  constructor(stderr: string, status: string) {
    super(`git stderr:\n${stderr}\n: ${status}`)
    this.stderr = stderr
  }
}

/** Of what it says; more is no answer to anything that is asked here. */
const MAX_OUTPUT = 64 * 1024 * 1024
const MAX_ERRORS = 16 * 1024

/** Answers what it prints. Throws GitFailure with what it says when it fails. */
export async function git(place: GitPlace, args: readonly string[]): Promise<Buffer> {
  if (!place.agent) return await outputOf(await gitStream(place, args))
  await using agent = await serveAgent(place.directory, place.agent)
  return await outputOf(await gitStream(place, args, agent.name))
}

async function outputOf({ stdout, ended }: GitOutput): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stdout) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > MAX_OUTPUT) throw system('git: more output than expected')
    }
  } catch (error) {
    stdout.destroy()
    // Its own reason is the better one.
    if (!isKind(error, 'system')) await ended
    throw error
  }
  await ended
  return Buffer.concat(chunks)
}

export interface GitOutput {
  stdout: Readable
  ended: Promise<void>
}

/** `ended` throws as `git` does; the output must be read or destroyed before. */
export async function gitStream(
  place: GitPlace,
  args: readonly string[],
  socket?: string,
): Promise<GitOutput> {
  const [program = 'git', ...before] = await launcher(place.directory)
  place.signal.throwIfAborted()
  const all = program === 'git' ? args : [...before, 'git', ...args]
  // A session of its own, so that its helpers end with it.
  const child = spawn(program, all, {
    cwd: place.directory,
    env: environment(place, socket),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  // Node throws away what nobody reads by the time a child ends.
  const stdout = child.stdout.pipe(new PassThrough())
  const ended = ending(child, stdout, place.signal)
  ended.catch(() => {})
  return { stdout, ended }
}

async function ending(
  child: ChildProcessByStdio<null, Readable, Readable>,
  stdout: Readable,
  signal: AbortSignal,
): Promise<void> {
  const end = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }
  let said = ''
  child.stderr.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-MAX_ERRORS)))
  stdout.once('close', () => {
    // Whoever stopped reading wants no more of it.
    if (!stdout.readableEnded) end()
    child.stdout.destroy()
  })
  signal.addEventListener('abort', end, { once: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', (error) => {
    stdout.destroy()
    reject(startError(error))
  })
  child.once('close', (code, killedBy) => {
    if (signal.aborted) reject(cancelled('Build cancelled'))
    else if (code === 0) resolve()
    else if (code === 127 && /failed to execute git/.test(said)) reject(missing())
    else reject(new GitFailure(said, code === null ? `signal: ${killedBy}` : `exit status ${code}`))
  })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', end)
  }
}

function startError(error: Error): Error {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return system(error.message, error)
  return missing(error)
}

function missing(cause?: unknown): Error {
  return unavailable(
    "sources from git need the git program on the daemon's machine: install git there",
    cause,
  )
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
])
/** As BuildKit: hosts are not known here, and there is nobody to ask. */
const SSH = [
  'ssh -F /dev/null -o BatchMode=yes -o LogLevel=ERROR',
  '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null',
].join(' ')

function environment({ directory, auth }: GitPlace, socket: string | undefined): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    HOME: '/dev/null',
    XDG_CONFIG_HOME: '/dev/null',
    GIT_DIR: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_SSH_COMMAND: SSH,
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    ...(socket !== undefined && { SSH_AUTH_SOCK: socket }),
  }
  for (const name of PROXIES) if (process.env[name] !== undefined) env[name] = process.env[name]
  const config: Array<[string, string]> = [...CONFIG]
  // Not as an argument, which everybody on the machine may read.
  if (auth) config.push([`http.${auth.scope}.extraheader`, `Authorization: ${auth.header}`])
  env['GIT_CONFIG_COUNT'] = String(config.length)
  for (const [at, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${at}`] = key
    env[`GIT_CONFIG_VALUE_${at}`] = value
  }
  return env
}

const CONFIG: ReadonlyArray<[string, string]> = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.askPass', ''],
  ['credential.helper', ''],
  ['protocol.ext.allow', 'never'],
  ['protocol.file.allow', 'never'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['init.defaultBranch', 'master'],
  ['init.templateDir', ''],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // Where an address leads is found before, by rules that know about this machine.
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', '120'],
  ['tar.umask', '0022'],
]
