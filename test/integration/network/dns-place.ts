import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, TypeName } from '../../lib/dns-wire.ts'
import type { Ask, Behaviour, Flood, Order } from './dns-agent.ts'

const AGENT = join(import.meta.dirname, 'dns-agent.ts')

/** A network namespace with an agent in it that asks and serves. */
export class DnsPlace implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #nextId = 1

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  /** `netns` is a file, such as /proc/PID/ns/net. */
  static async enter(netns: string): Promise<DnsPlace> {
    const child = spawn('nsenter', [`--net=${netns}`, process.execPath, AGENT], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child.unref()
    child.channel?.unref()
    const place = new DnsPlace(child)
    await new Promise((resolve) => place.#waiting.set(0, resolve))
    return place
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The whole answer; throws when none came. */
  async ask(name: string, type: TypeName = 'A', o: Partial<Ask> = {}): Promise<Answer> {
    const answer = (await this.order({ kind: 'ask', name, type, ...o })) as Answer
    if ('error' in answer) throw new Error(`${name}: ${String(answer.error)}`)
    return answer
  }

  /** `RCODE RECORD…`, such as `0 10.0.0.2`. */
  async short(name: string, type: TypeName = 'A', o: Partial<Ask> = {}): Promise<string> {
    const { rcode, records } = await this.ask(name, type, o)
    return [rcode, ...records.toSorted((a, b) => (a < b ? -1 : 1))].join(' ')
  }

  serve(address: string, behaviour: Behaviour): Promise<unknown> {
    return this.order({ kind: 'serve', address, behaviour })
  }

  /** What its servers were asked since the last call. */
  asked(): Promise<string[]> {
    return this.order({ kind: 'asked' }) as Promise<string[]>
  }

  flood(o: Omit<Extract<Order, { kind: 'flood' }>, 'kind'>): Promise<Flood> {
    return this.order({ kind: 'flood', ...o }) as Promise<Flood>
  }

  order(order: Order): Promise<unknown> {
    const id = this.#nextId++
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve))
    this.#child.send({ id, order })
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}
