/** A program on a terminal of its own. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type TestDaemon, until } from './test-daemon.ts'

/** A CLI on a terminal of 31 rows and 97 columns. */
export class Terminal {
  readonly #child: ChildProcess
  readonly #exited: Promise<number>
  /** Output no `sees` has taken yet. */
  screen = ''
  errors = ''

  constructor(daemon: TestDaemon, command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(
      'timeout',
      ['20', 'python3', join(import.meta.dirname, 'on-terminal.py'), ...command],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: {
          ...process.env,
          TERM: 'xterm',
          DOCKER_HOST: `unix://${daemon.socket}`,
          DOCKER_CONFIG: join(daemon.directory, 'client'),
          ...env,
        },
      },
    )
    this.#child.stdout!.on('data', (part: Buffer) => (this.screen += part.toString()))
    this.#child.stderr!.on('data', (part: Buffer) => (this.errors += part.toString()))
    this.#exited = new Promise((resolve) =>
      this.#child.once('close', (code) => resolve(code ?? -1)),
    )
  }

  #command(command: object): void {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  type(text: string): void {
    this.#command({ write: text })
  }

  resize(rows: number, columns: number): void {
    this.#command({ resize: [rows, columns] })
  }

  /** Waits for text after what earlier calls have seen. */
  async sees(pattern: RegExp): Promise<void> {
    try {
      await until(`${pattern}`, () => pattern.test(this.screen), 10_000)
    } catch (error) {
      throw new Error(`${(error as Error).message}; screen: ${JSON.stringify(this.screen)}`)
    }
    this.screen = this.screen.replace(new RegExp(`^[^]*?${pattern.source}`), '')
  }

  /** Waits for the end; the terminal's mode must be as it was. */
  async exit(): Promise<number> {
    const code = await this.#exited
    assert.match(this.errors, /restored\n$/)
    return code
  }
}
