/** Connections of clients that wait for their builds, by the id that only the client knows. */
import { PROTOCOL } from '@tdocker/api/build-session/frames.ts'
import { Socket } from 'node:net'
import type { Hijack } from '../../backend-types.ts'
import { cancelled, conflict, invalidParameter } from '../../base/errors.ts'
import type { BuildSession, BuildSessions } from '../session.ts'
import { ClientSession } from './client-session.ts'
import type { KeptContexts } from './kept/kept-contexts.ts'

/** Between a build and its session, whichever comes first. */
const PATIENCE_MS = 5_000

/** 128 bits at least: an id is all that a build has to show. */
const ID = /^[0-9a-f]{32,128}$/

interface Waiting {
  session: ClientSession | undefined
  /** A build has it. */
  taken: boolean
}

export class Sessions implements BuildSessions {
  readonly #contexts: KeptContexts
  readonly #known = new Map<string, Waiting>()
  /** Woken when a session has come. */
  readonly #awaited = new Map<string, Set<() => void>>()

  constructor(contexts: KeptContexts) {
    this.#contexts = contexts
  }

  /** Takes a client's connection over. Throws before that for what is no id, or one in use. */
  async open(id: string, hijack: Hijack): Promise<void> {
    if (!ID.test(id))
      throw invalidParameter('id of a build session: at least 32 hexadecimal digits are expected')
    if (this.#known.has(id)) throw conflict('a build session of this id is open already')
    const waiting: Waiting = { session: undefined, taken: false }
    this.#known.set(id, waiting)
    try {
      const { fd, head } = await hijack.take({ multiplexed: false, protocol: PROTOCOL })
      const socket = new Socket({ fd, readable: true, writable: true })
      const session = new ClientSession({ socket, head, contexts: this.#contexts })
      void session.closed.then(() => this.#known.delete(id))
      if (session.isClosed) return
      waiting.session = session
      this.#greet(id, session)
    } catch (error) {
      this.#known.delete(id)
      throw error
    }
  }

  /** All of them, whoever has them. */
  close(): void {
    for (const { session } of this.#known.values()) void session?.[Symbol.asyncDispose]()
  }

  #greet(id: string, session: ClientSession): void {
    const late = setTimeout(() => void session[Symbol.asyncDispose](), PATIENCE_MS)
    session.greeted.then(
      () => {
        clearTimeout(late)
        for (const wake of this.#awaited.get(id) ?? []) wake()
      },
      () => clearTimeout(late),
    )
  }

  async find(id: string, signal: AbortSignal): Promise<BuildSession> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
    for (;;) {
      const waiting = this.#known.get(id)
      if (waiting?.taken) throw conflict('another build has this session')
      if (waiting?.session) {
        waiting.taken = true
        await waiting.session.greeted.catch((error: Error) => {
          throw invalidParameter(error.message, error)
        })
        return waiting.session
      }
      if (signal.aborted) throw cancelled('Build cancelled')
      if (deadline.aborted)
        throw invalidParameter(`no active session for ${id}: context deadline exceeded`)
      await this.#next(id, deadline)
    }
  }

  async #next(id: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wakers = this.#awaited.get(id) ?? new Set()
    this.#awaited.set(id, wakers.add(resolve))
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    wakers.delete(resolve)
    if (wakers.size === 0) this.#awaited.delete(id)
  }
}
