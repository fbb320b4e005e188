/** One client's directory, as its client tells it, in a kept directory. */
import { checkRow, type ListingRow } from '@tdocker/api/build-session/listing.ts'
import { MessageStream, ROWS_PER_MESSAGE } from '@tdocker/api/build-session/messages.ts'
import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Duplex } from 'node:stream'
import { cancelled, EngineError, invalidParameter } from '../../../base/errors.ts'
import { takeContext } from '../../context/intake.ts'
import { applyChanges } from './apply.ts'
import { changesOf, type ContentSource, interrupted } from './changes.ts'
import { type KeptContext, KeptContexts } from './kept-contexts.ts'
import { isThere, WantedEntries } from './wanted-entries.ts'

/** More files than any build has; a row is some 200 bytes in memory. */
const MAX_ROWS = 500_000

export interface Lease extends Disposable {
  /** Nobody writes to it until this is disposed of. */
  path: string
  /** What is in it. */
  rows(): Promise<readonly ListingRow[]>
}

/** Throws invalidParameter for a client that does not keep to what was agreed. */
export async function receiveDirectory(
  contexts: KeptContexts,
  stream: Duplex,
  o: { signal: AbortSignal; taken?(bytes: number): void },
): Promise<Lease> {
  const stop = (): void => void stream.destroy(cancelled('Build cancelled'))
  o.signal.addEventListener('abort', stop, { once: true })
  try {
    o.signal.throwIfAborted()
    const messages = new MessageStream(stream)
    const { client: said, root } = greetingOf(await messages.message())
    const isKept = said !== ''
    const client = isKept ? said : randomBytes(32).toString('hex')
    const key = KeptContexts.key(client, root)
    const receiver = new Receiver(contexts, messages, { ...o, key, client, isKept })
    return await contexts.locks.run(key, () => receiver.run())
  } catch (error) {
    if (o.signal.aborted) throw cancelled('Build cancelled', error)
    if (error instanceof EngineError) throw error
    throw invalidParameter(
      `failed to receive the build context: ${(error as Error).message}`,
      error,
    )
  } finally {
    o.signal.removeEventListener('abort', stop)
    stream.destroy()
  }
}

class Receiver {
  readonly #contexts: KeptContexts
  readonly #messages: MessageStream
  readonly #o: {
    key: string
    client: string
    isKept: boolean
    signal: AbortSignal
    taken?(bytes: number): void
  }

  constructor(
    contexts: KeptContexts,
    messages: MessageStream,
    o: {
      key: string
      client: string
      isKept: boolean
      signal: AbortSignal
      taken?(bytes: number): void
    },
  ) {
    this.#contexts = contexts
    this.#messages = messages
    this.#o = o
  }

  async run(): Promise<Lease> {
    const contexts = this.#contexts
    const kept = contexts.of(this.#o.key)
    const digests = contexts.ofClient(this.#o.client).length > 0
    await this.#messages.send({ held: kept.map(({ listing }) => listing), digests })
    const first = (await this.#messages.message()) as { same?: unknown; rows?: unknown }
    if (first.same !== undefined) {
      const same = kept.find(({ listing }) => listing !== '' && listing === first.same)
      if (!same) throw new Error('a listing that was not offered')
      if (await this.#isSound(same)) return this.#lease(same)
      throw new Error('what was kept of it is damaged: it is sent again the next time')
    }
    const rows = await this.#rows(first)
    const base = kept.find(({ users, listing }) => users === 0 && listing !== '')
    const sound = base && (await this.#isSound(base)) ? base : undefined
    return this.#lease(await this.#change(sound, rows))
  }

  /** One that somebody else has meddled with goes. */
  async #isSound(kept: KeptContext): Promise<boolean> {
    using _held = this.#contexts.hold(kept)
    try {
      await this.#contexts.rows(kept)
      await access(this.#contexts.files(kept))
      return true
    } catch {
      _held[Symbol.dispose]()
      await this.#contexts.remove(kept)
      return false
    }
  }

  #lease(kept: KeptContext): Lease {
    const contexts = this.#contexts
    const using = contexts.use(kept)
    return {
      path: contexts.files(kept),
      rows: () => contexts.rows(kept),
      [Symbol.dispose]: () => {
        using[Symbol.dispose]()
        if (!this.#o.isKept) contexts.discard(kept)
      },
    }
  }

  async #rows(first: unknown): Promise<ListingRow[]> {
    const rows: ListingRow[] = []
    const paths = new Set<string>()
    let part = first as { rows?: unknown; last?: unknown }
    for (;;) {
      if (!Array.isArray(part.rows)) throw new Error('rows are expected')
      if (rows.length + part.rows.length > MAX_ROWS) throw new Error('too many files')
      for (const row of part.rows as unknown[]) {
        checkRow(row)
        if (paths.has(row[1])) throw new Error(`${row[1]} comes twice`)
        paths.add(row[1])
        rows.push(row)
      }
      if (part.last === true) return rows
      part = (await this.#messages.message()) as typeof part
    }
  }

  /** Of `base` where there is one. A client that goes away does not take along what was there. */
  async #change(base: KeptContext | undefined, rows: ListingRow[]): Promise<KeptContext> {
    const contexts = this.#contexts
    using held = new DisposableStack()
    if (base) held.use(contexts.hold(base))
    // For a directory that is new here, whatever else the client has here may have its files.
    const sources = base ? [base] : contexts.ofClient(this.#o.client)
    for (const source of sources) held.use(contexts.hold(source))
    const before = base ? await contexts.rows(base) : []
    const find = await this.#contentFinder(sources)
    const kept = base ?? (await contexts.create(this.#o.key, this.#o.client))
    held.use(contexts.hold(kept))
    const changes = await changesOf(before, rows, find)
    await this.#ask(changes.want)
    const asked = [...rows]
    /** What it is when the client says no more. */
    let left: ListingRow[] | undefined
    try {
      await contexts.open(kept)
      await applyChanges(contexts.deps.native, {
        directory: contexts.files(kept),
        rows,
        changes,
        receive: async () => {
          left = interrupted(before, asked, changes)
          await this.#receive(kept, rows, changes.want)
          left = undefined
        },
      })
      await contexts.close(kept, rows.filter(isThere))
      return kept
    } catch (error) {
      if (left) await contexts.close(kept, left)
      held.dispose()
      if (!left) await contexts.remove(kept)
      throw error
    }
  }

  async #contentFinder(
    sources: readonly KeptContext[],
  ): Promise<(digest: string, size: number) => ContentSource | undefined> {
    const known = new Map<string, ContentSource>()
    for (const kept of sources)
      for (const [number, row] of (await this.#contexts.rows(kept)).entries()) {
        if (number % ROWS_PER_MESSAGE === 0) await nextTurn()
        const [kind, path, , size, , value] = row
        if (kind === 'f' && value !== '' && size > 0)
          known.set(`${value}${size}`, { directory: this.#contexts.files(kept), path })
      }
    return (digest, size) => known.get(`${digest}${size}`)
  }

  async #ask(want: readonly number[]): Promise<void> {
    const ranges: Array<[number, number]> = []
    for (const number of want) {
      const last = ranges.at(-1)
      if (last && last[0] + last[1] === number) last[1]++
      else ranges.push([number, 1])
    }
    let at = 0
    do {
      const part = ranges.slice(at, at + ROWS_PER_MESSAGE)
      at += ROWS_PER_MESSAGE
      await this.#messages.send({ want: part, last: at >= ranges.length })
    } while (at < ranges.length)
  }

  async #receive(kept: KeptContext, rows: ListingRow[], want: readonly number[]): Promise<void> {
    if (want.length === 0) return
    const wanted = new WantedEntries(rows, want)
    await takeContext(this.#contexts.deps.native, {
      body: Readable.from(wanted.watch(this.#messages.tar()), { objectMode: false }),
      isTar: true,
      directory: this.#contexts.files(kept),
      signal: this.#o.signal,
      ...(this.#o.taken && { taken: this.#o.taken }),
    })
    wanted.end()
  }
}

function greetingOf(message: unknown): { client: string; root: string } {
  const { client, root } = message as Record<string, unknown>
  if (typeof client !== 'string' || !/^([0-9a-f]{32,128})?$/.test(client))
    throw new Error('a client without a name')
  if (typeof root !== 'string' || root.length > 4096) throw new Error('a directory without a name')
  return { client, root }
}
