import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { probe, type Answer, type Order } from './agent.ts'

/** Long enough for a loaded machine, short enough for tables of closed doors. */
const PROBE_MS = 700
const AGENT = join(import.meta.dirname, 'agent.ts')

/** Somewhere to probe from: the host (the test process) or another namespace. */
export interface Place {
  readonly name: string
  probe(o: { protocol?: 'tcp' | 'udp'; address: string; port: number }): Promise<Answer>
}

export const host: Place = {
  name: 'host',
  probe: ({ protocol = 'tcp', address, port }) =>
    probe({ kind: 'probe', protocol, address, port, timeoutMs: PROBE_MS }),
}

/** A network namespace with an agent in it. */
export class Namespace implements Place {
  readonly name: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #nextId = 1

  /** Resolves when the agent holds the namespace, so that `netnsFd` may be closed. */
  readonly ready: Promise<Answer>

  constructor(name: string, netnsFd: number) {
    this.name = name
    this.#child = spawn(
      'nsenter',
      [`--net=/proc/${process.pid}/fd/${netnsFd}`, process.execPath, AGENT],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
    this.#child.on('message', ({ id, answer }: { id: number; answer: Answer }) => {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
    this.ready = new Promise((resolve) => this.#waiting.set(0, resolve))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async serve(protocol: 'tcp' | 'udp', port: number, address = '0.0.0.0'): Promise<void> {
    const answer = await this.#ask({ kind: 'serve', protocol, address, port, text: this.name })
    assert.deepEqual(answer, { text: 'listening' })
  }

  probe(o: { protocol?: 'tcp' | 'udp'; address: string; port: number }): Promise<Answer> {
    return this.#ask({ kind: 'probe', protocol: 'tcp', timeoutMs: PROBE_MS, ...o })
  }

  /** Runs a program in the namespace and answers its output. */
  run(program: string, ...args: string[]): string {
    return execFileSync('nsenter', [`--net=/proc/${this.pid}/ns/net`, program, ...args], {
      encoding: 'utf8',
    })
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #ask(order: Order): Promise<Answer> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.send({ id, order })
    })
  }
}

/** Asserts that `place` reaches the server called `expected`; answers the peer that it saw. */
export async function assertOpen(
  place: Place,
  target: { protocol?: 'tcp' | 'udp'; address: string; port: number },
  expected: string,
): Promise<string> {
  const answer = await place.probe(target)
  const text = 'text' in answer ? answer.text : ''
  const what = `${place.name} → ${target.protocol ?? 'tcp'} ${target.address}:${target.port}`
  assert.equal(text.split(' from ')[0], expected, `${what}: ${JSON.stringify(answer)}`)
  return (text.split(' from ')[1] ?? '').replace('::ffff:', '')
}

export async function assertClosed(
  place: Place,
  target: { protocol?: 'tcp' | 'udp'; address: string; port: number },
): Promise<void> {
  const answer = await place.probe(target)
  const what = `${place.name} → ${target.protocol ?? 'tcp'} ${target.address}:${target.port}`
  assert.ok('error' in answer, `${what} is open: ${JSON.stringify(answer)}`)
}

/** The same where neighbours have to find each other again first: new devices, no ARP answers yet. */
export async function openSoon(...asked: Parameters<typeof assertOpen>): Promise<string> {
  const limit = Date.now() + 10_000
  while (true) {
    try {
      return await assertOpen(...asked)
    } catch (error) {
      if (Date.now() > limit) throw error
    }
  }
}
