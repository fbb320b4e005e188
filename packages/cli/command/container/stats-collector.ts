import type { ContainerStatsResponse } from '@tdocker/api'
import type { StatsEntry } from '../../format/stats-row.ts'
import { jsonLines } from '../../format/lines.ts'
import type { Cli } from '../cli.ts'
import { containerPath } from './lifecycle.ts'

interface Tracked extends StatsEntry {
  error?: string | undefined
  readonly abort: AbortController
}

/** A sample is due every second. */
const overdue = 2000

/** Keeps the newest sample of each container it was told of. */
export class StatsCollector {
  readonly entries: Tracked[] = []
  /** Events broke off for a reason; `ended` is the daemon's own end. */
  failure: Error | undefined
  ended = false
  private readonly cli: Cli
  private readonly stream: boolean
  private readonly events = new AbortController()

  constructor(cli: Cli, stream: boolean) {
    this.cli = cli
    this.stream = stream
  }

  /** Resolves with the first sample, its failure, or its delay. */
  async add(container: string): Promise<void> {
    if (this.entries.some((entry) => entry.container === container)) return
    const entry: Tracked = { container, invalid: false, abort: new AbortController() }
    this.entries.push(entry)
    const first = Promise.withResolvers<void>()
    void this.collect(entry, first.resolve).finally(first.resolve)
    await first.promise
  }

  private remove(container: string): void {
    const index = this.entries.findIndex((entry) => entry.container === container)
    if (index < 0) return
    this.entries[index]?.abort.abort()
    this.entries.splice(index, 1)
  }

  errors(): string[] {
    return this.entries.flatMap(({ error }) => (error === undefined ? [] : [error]))
  }

  private async collect(entry: Tracked, first: () => void): Promise<void> {
    const path = `${containerPath(entry.container)}/stats`
    let timer = this.deadline(entry, first)
    try {
      const response = await this.cli.client.request('GET', path, {
        query: { stream: this.stream },
        signal: entry.abort.signal,
      })
      for await (const line of jsonLines(response)) {
        clearTimeout(timer)
        entry.sample = JSON.parse(line) as ContainerStatsResponse
        entry.invalid = false
        entry.error = undefined
        first()
        if (!this.stream) return
        timer = this.deadline(entry, first)
      }
      entry.invalid = true
    } catch (error) {
      entry.invalid = true
      entry.error = (error as Error).message
    } finally {
      clearTimeout(timer)
    }
  }

  private deadline(entry: Tracked, first: () => void): NodeJS.Timeout | undefined {
    // The one sample of --no-stream is worth waiting for.
    if (!this.stream) return undefined
    return setTimeout(() => {
      entry.invalid = true
      entry.error = 'timeout waiting for stats'
      first()
    }, overdue)
  }

  /** Follows which containers there are; `subscribed` resolves once no event is missed. */
  watch(all: boolean): { readonly subscribed: Promise<void> } {
    const answer = this.cli.client.request('GET', '/events', {
      query: { filters: JSON.stringify({ type: { container: true } }) },
      signal: this.events.signal,
    })
    void this.follow(answer, all).catch((error: Error) => {
      if (this.events.signal.aborted) return
      this.failure = error
    })
    return { subscribed: answer.then(() => {}) }
  }

  private async follow(answer: Promise<AsyncIterable<Buffer>>, all: boolean): Promise<void> {
    for await (const line of jsonLines(await answer)) {
      const event = JSON.parse(line) as { Action: string; Actor: { ID: string } }
      const name = event.Actor.ID.slice(0, 12)
      const starts = event.Action === 'start' || (all && event.Action === 'create')
      if (starts) void this.add(name)
      else if (event.Action === 'die' && !all) this.remove(name)
      else if (event.Action === 'destroy') this.remove(name)
    }
    this.ended = true
  }

  stop(): void {
    this.events.abort()
    for (const { abort } of this.entries) abort.abort()
  }
}
