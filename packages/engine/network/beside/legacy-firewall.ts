import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Native } from '@tdocker/kernel'
import { forwardOf, type LegacyFamily } from './legacy-table.ts'

/** Nobody tells of changes in these tables. */
const LOOK_MS = 1000
/** Of a table of thousands of rules less is seen: looking takes no more than this share of the time. */
const SHARE = 1 / 500

const PROGRAMS: Readonly<Record<LegacyFamily, string>> = {
  4: 'iptables-legacy',
  6: 'ip6tables-legacy',
}
const TABLES: Readonly<Record<LegacyFamily, string>> = {
  4: '/proc/net/ip_tables_names',
  6: '/proc/net/ip6_tables_names',
}
const FAMILIES: readonly LegacyFamily[] = [4, 6]

/**
 * Where iptables' older kind of tables drops what is forwarded, our bridges are accepted there as
 * well: a packet passes both kinds. Their own program changes them, as it takes the lock that all
 * who change them take.
 */
export class LegacyFirewall {
  readonly #native: Pick<Native, 'legacyTable'>
  readonly #bridges: () => readonly string[]
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  /** What the last look took. */
  #tookMs = 0
  #work: Promise<void> = Promise.resolve()
  /** Of the last failure, which is told once. */
  #said = ''

  constructor(
    native: Pick<Native, 'legacyTable'>,
    bridges: () => readonly string[],
    onError: (error: unknown) => void,
  ) {
    this.#native = native
    this.#bridges = bridges
    this.#onError = onError
  }

  start(): void {
    if (this.#timer === undefined) this.#lookLater()
  }

  #lookLater(): void {
    const pause = Math.max(LOOK_MS, this.#tookMs / SHARE)
    const look = async (): Promise<void> => {
      await this.check()
      if (this.#timer !== undefined) this.#lookLater()
    }
    this.#timer = setTimeout(() => void look(), pause).unref()
  }

  /** Resolves when no check runs any more. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#work
  }

  /** Accepts all bridges where they are dropped. Never rejects. */
  check(): Promise<void> {
    return this.#queue(async () => {
      this.#tookMs = 0
      for (const family of FAMILIES) await this.#accept(family)
    })
  }

  /** Removes the accepts for these. Never rejects. */
  withdraw(bridges: readonly string[]): Promise<void> {
    const gone = bridges.flatMap((bridge) => [`i ${bridge}`, `o ${bridge}`])
    return this.#queue(async () => {
      for (const family of FAMILIES) {
        const accepts = this.#forward(family)?.accepts
        for (const accept of gone)
          if (accepts?.has(accept) === true) await change(family, '-D', accept)
      }
    })
  }

  #queue(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      const said = String(error)
      if (said !== this.#said) this.#onError(error)
      this.#said = said
    })
    return this.#work
  }

  async #accept(family: LegacyFamily): Promise<void> {
    const forward = this.#forward(family)
    if (forward?.drops !== true) return
    const wanted = this.#bridges().flatMap((bridge) => [`i ${bridge}`, `o ${bridge}`])
    for (const accept of wanted)
      if (!forward.accepts.has(accept)) await change(family, '-I', accept)
  }

  #forward(family: LegacyFamily): ReturnType<typeof forwardOf> | undefined {
    // To ask for a table makes it, and loads its module.
    if (!isThere(family)) return undefined
    const begin = performance.now()
    const table = this.#native.legacyTable(family)
    const forward = table === undefined ? undefined : forwardOf(family, table)
    this.#tookMs += performance.now() - begin
    return forward
  }
}

function isThere(family: LegacyFamily): boolean {
  try {
    return readFileSync(TABLES[family], 'utf8').split('\n').includes('filter')
  } catch {
    return false
  }
}

function change(family: LegacyFamily, verb: '-I' | '-D', accept: string): Promise<void> {
  const [direction, bridge = ''] = accept.split(' ')
  const rule = ['FORWARD', `-${direction}`, bridge, '-j', 'ACCEPT']
  return new Promise((resolve, reject) => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    execFile(PROGRAMS[family], ['-w', '5', verb, ...rule], { env }, (error) =>
      error ? reject(error) : resolve(),
    )
  })
}
