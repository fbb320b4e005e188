import type { Native } from '@tdocker/kernel'

/** Other programs change many rules in a row; we look once they are done, but not for ever. */
const SETTLE_MS = 100
const MAX_DATAGRAM = 64 * 1024

/** linux/netlink.h, linux/netfilter/nf_tables.h: tables, chains and rules that come or go. */
const HEADER_SIZE = 16
const NFNL_SUBSYS_NFTABLES = 10
const NEWTABLE = 0
const DELTABLE = 2
const NEWCHAIN = 3
const DELCHAIN = 5
const NEWRULE = 6
const DELRULE = 8
const WATCHED: ReadonlySet<number> = new Set([
  NEWTABLE,
  DELTABLE,
  NEWCHAIN,
  DELCHAIN,
  NEWRULE,
  DELRULE,
])

/**
 * Hears of every change to the machine's nftables rules and calls `check`, once per burst. Map
 * elements, which are what we ourselves change all the time, do not count.
 */
export class RuleWatch {
  readonly #native: Pick<Native, 'nftMonitor' | 'waitReadable' | 'readFd' | 'closeFd'>
  readonly #check: () => Promise<void>
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #cancel: (() => void) | undefined
  #stopped = false
  #loop: Promise<void> | undefined
  #checking: Promise<void> = Promise.resolve()

  constructor(
    native: Pick<Native, 'nftMonitor' | 'waitReadable' | 'readFd' | 'closeFd'>,
    check: () => Promise<void>,
    onError: (error: unknown) => void,
  ) {
    this.#native = native
    this.#check = check
    this.#onError = onError
  }

  start(): void {
    if (this.#loop !== undefined) return
    this.#stopped = false
    const fd = this.#native.nftMonitor()
    this.#loop = this.#listen(fd).finally(() => this.#native.closeFd(fd))
  }

  /** Resolves when no check runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#loop
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#checking
    this.#loop = undefined
  }

  async #listen(fd: number): Promise<void> {
    while (true) {
      const { readable, cancel } = this.#native.waitReadable(fd)
      this.#cancel = cancel
      // A cancel that comes after the descriptor became readable has no effect.
      if (!(await readable) || this.#stopped) return
      if (this.#drain(fd)) this.#schedule()
    }
  }

  /** True when something happened that may concern us. */
  #drain(fd: number): boolean {
    let concerned = false
    try {
      while (true) {
        const datagram = this.#native.readFd(fd, MAX_DATAGRAM)
        if (datagram === undefined || datagram.length === 0) return concerned
        concerned ||= tellsOfRules(datagram)
      }
    } catch {
      // Messages were lost in a flood of changes.
      return true
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#checking = this.#check().catch(this.#onError)
    }, SETTLE_MS).unref()
  }
}

/** Whether one of the netlink messages is about a table, chain or rule. */
export function tellsOfRules(datagram: Buffer): boolean {
  for (let at = 0; at + HEADER_SIZE <= datagram.length;) {
    const length = datagram.readUInt32LE(at)
    const type = datagram.readUInt16LE(at + 4)
    if (type >> 8 === NFNL_SUBSYS_NFTABLES && WATCHED.has(type & 0xff)) return true
    if (length < HEADER_SIZE) return false
    at += (length + 3) & ~3
  }
  return false
}
