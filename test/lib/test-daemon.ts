/**
 * A daemon of its own for one test file: private socket, data, runtime directory, cgroup, bridge and
 * nft table. `await using` ends it, and its end fails when anything of it is left on the machine.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from './api-client.ts'
import { busyboxTar } from './busybox.ts'
import { findLeaks } from './leaks.ts'
import { patience } from './patience.ts'

const root = join(import.meta.dirname, '../..')

export interface TestDaemonOptions {
  /** Further flags of tdockerd. */
  flags?: readonly string[]
  /** Text of daemon.json. */
  config?: object
  /** Import busybox:latest; default true. */
  busybox?: boolean
  env?: NodeJS.ProcessEnv
  /** As users run it, from what `scripts/build` made; else from the sources. */
  built?: boolean
  /** Parent of data and runtime directories; a tmpfs by default. */
  base?: string
}

export interface CommandResult {
  status: number
  stdout: string
  stderr: string
}

export class TestDaemon implements AsyncDisposable {
  /** Marks everything this daemon makes: `td` and six digits. */
  readonly id: string
  readonly directory: string
  readonly socket: string
  readonly api: ApiClient
  readonly #options: TestDaemonOptions
  #process: ChildProcess | undefined

  private constructor(id: string, options: TestDaemonOptions) {
    this.id = id
    this.directory = join(options.base ?? '/dev/shm', id)
    this.socket = join(this.directory, 'd.sock')
    this.api = new ApiClient(this.socket)
    this.#options = options
  }

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const daemon = new TestDaemon(`td${randomBytes(3).toString('hex')}`, options)
    mkdirSync(daemon.directory, { mode: 0o755 })
    if (options.config)
      writeFileSync(join(daemon.directory, 'daemon.json'), JSON.stringify(options.config))
    try {
      await daemon.boot()
      if (options.busybox !== false) await daemon.importBusybox()
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]().catch(() => {})
      throw error
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get dataRoot(): string {
    return join(this.directory, 'data')
  }

  get execRoot(): string {
    return join(this.directory, 'run')
  }

  get log(): string {
    return readFileSync(join(this.directory, 'daemon.log'), 'utf8')
  }

  get bridge(): string {
    return this.id
  }

  get flags(): string[] {
    const config = join(this.directory, 'daemon.json')
    return [
      ...['-H', `unix://${this.socket}`],
      ...['--data-root', this.dataRoot, '--exec-root', this.execRoot],
      ...['--pidfile', join(this.directory, 'pid')],
      ...['--plugin-root', join(this.directory, 'plugins')],
      ...['--bridge', this.bridge, '--cgroup-parent', `/${this.id}`],
      ...['--config-file', existsSync(config) ? config : '/dev/null'],
      ...(this.#options.flags ?? []),
    ]
  }

  /** Starts the daemon (again) and waits for its first `_ping`. */
  async boot(): Promise<void> {
    const log = openSync(join(this.directory, 'daemon.log'), 'a')
    const [program, ...first] = this.#options.built
      ? [join(root, 'packages/daemon/bin/tdockerd')]
      : [process.execPath, join(root, 'packages/daemon/main.ts')]
    const child = spawn(program, [...first, ...this.flags], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.#options.env },
    })
    closeSync(log)
    this.#process = child
    let exited = false
    child.on('exit', () => (exited = true))
    while (!(await this.answers())) {
      if (exited) throw new Error(`tdockerd did not start:\n${this.log}`)
      await delay(5 * patience)
    }
  }

  async answers(): Promise<boolean> {
    return this.api.get('/_ping').then(
      (answer) => answer.status === 200,
      () => false,
    )
  }

  /** kill -9, as a crash: containers go on. */
  async crash(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Sends a signal and waits for the end; answers the exit code (undefined when killed). */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | undefined> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return undefined
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    return (await exited) ?? undefined
  }

  async importBusybox(): Promise<void> {
    const query = new URLSearchParams({
      fromSrc: '-',
      repo: 'busybox',
      tag: 'latest',
      changes: 'CMD ["sh"]',
    })
    const answer = await this.api.request('POST', `/images/create?${query}`, busyboxTar(), {
      'Content-Type': 'application/x-tar',
    })
    if (answer.status !== 200 || answer.text.includes('"error"'))
      throw new Error(`busybox import: ${answer.status} ${answer.text}`)
  }

  /** Runs the project's CLI from its sources against this daemon. */
  tdocker(...args: string[]): Promise<CommandResult> {
    return this.command(process.execPath, [join(root, 'packages/cli/main.ts'), ...args])
  }

  /** Runs the stock docker CLI. */
  docker(...args: string[]): Promise<CommandResult> {
    return this.command('docker', args)
  }

  command(program: string, args: readonly string[], input?: string): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        env: {
          ...process.env,
          DOCKER_HOST: `unix://${this.socket}`,
          DOCKER_CONFIG: join(this.directory, 'client'),
          XDG_CACHE_HOME: join(this.directory, 'cache'),
        },
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      })
      let stdout = ''
      let stderr = ''
      child.stdout!.on('data', (part: Buffer) => (stdout += part.toString()))
      child.stderr!.on('data', (part: Buffer) => (stderr += part.toString()))
      child.on('error', reject)
      child.on('close', (code, signal) =>
        resolve({ status: code ?? (signal === null ? 1 : 128), stdout, stderr }),
      )
      if (input !== undefined) child.stdin!.end(input)
    })
  }

  /** Creates and starts a container by the API; answers its id. */
  async run(body: object, name?: string): Promise<string> {
    const query = name === undefined ? '' : `?name=${name}`
    const created = await this.api.post<{ Id: string; message: string }>(
      `/containers/create${query}`,
      { Image: 'busybox', ...body },
    )
    if (created.status !== 201) throw new Error(`create: ${created.status} ${created.text}`)
    const started = await this.api.post(`/containers/${created.body.Id}/start`)
    if (started.status !== 204) throw new Error(`start: ${started.status} ${started.text}`)
    return created.body.Id
  }

  /** Waits for the end; answers the exit code. */
  async wait(id: string): Promise<number> {
    const { body } = await this.api.post<{ StatusCode: number }>(`/containers/${id}/wait`)
    return body.StatusCode
  }

  /** Output of a finished or running container, both streams, without frames. */
  async logs(id: string, query = 'stdout=1&stderr=1'): Promise<string> {
    const response = await this.api.stream('GET', `/containers/${id}/logs?${query}`)
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part as Buffer)
    return unframe(Buffer.concat(parts))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let problem: string | undefined
    try {
      if (!(await this.answers())) await this.boot().catch(() => {})
      await this.#removeContainers()
      const code = await this.end('SIGTERM')
      if (code !== 0) problem = `tdockerd ended with ${code}:\n${this.log.slice(-4000)}`
    } finally {
      this.api.close()
      const leaks = await findLeaks(this.id, this.directory)
      if (leaks.length > 0) problem = `left on the machine:\n${leaks.join('\n')}\n${problem ?? ''}`
      if (problem === undefined || process.env['TDOCKER_KEEP'] === undefined)
        rmSync(this.directory, { recursive: true, force: true })
    }
    if (problem !== undefined) throw new Error(problem)
  }

  async #removeContainers(): Promise<void> {
    const { body } = await this.api.get<Array<{ Id: string }>>('/containers/json?all=1')
    await Promise.all(
      (body ?? []).map(({ Id }) => this.api.delete(`/containers/${Id}?force=1&v=1`)),
    )
  }
}

/** Payloads of stdcopy frames, joined. */
export function unframe(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    text += bytes.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length
  }
  return text
}

/** Polls until `test` holds; the message says what was waited for. */
export async function until(what: string, test: () => unknown, timeoutMs = 20_000): Promise<void> {
  const limit = timeoutMs * patience
  const end = Date.now() + limit
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`)
    await delay(10 * patience)
  }
}

/** True where a program is on the PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}
