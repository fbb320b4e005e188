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

/** Ends each transaction and names the thread that asked for it (NFT_MSG_NEWGEN, nft.cc). */
const NEWGEN = 15
const NFTA_GEN_PROC_NAME = 3
const NFGENMSG_SIZE = 4
const OWN_THREAD = `nft-${process.pid}`

/**
 * Hears of every change to the machine's nftables rules and calls `check`, once per burst. Our own
 * changes and map elements do not count.
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
  readonly #transactions = new Transactions(OWN_THREAD)

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
        concerned = this.#transactions.read(datagram) || concerned
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

/** Follows transactions through the messages that tell of them. */
export class Transactions {
  readonly #own: string
  /** Rules changed in the transaction that is being told. */
  #open = false

  constructor(own: string) {
    this.#own = own
  }

  /** True when a transaction of somebody else's that changed rules ended in the datagram. */
  read(datagram: Buffer): boolean {
    let foreign = false
    for (const { type, payload } of messagesOf(datagram)) {
      if (WATCHED.has(type)) this.#open = true
      if (type !== NEWGEN) continue
      foreign ||= this.#open && threadOf(payload) !== this.#own
      this.#open = false
    }
    return foreign
  }
}

function* messagesOf(datagram: Buffer): Generator<{ type: number; payload: Buffer }> {
  for (let at = 0; at + HEADER_SIZE <= datagram.length;) {
    const length = datagram.readUInt32LE(at)
    const type = datagram.readUInt16LE(at + 4)
    if (type >> 8 === NFNL_SUBSYS_NFTABLES)
      yield { type: type & 0xff, payload: datagram.subarray(at + HEADER_SIZE, at + length) }
    if (length < HEADER_SIZE) return
    at += (length + 3) & ~3
  }
}

/** Empty where the kernel does not say. */
function threadOf(payload: Buffer): string {
  for (let at = NFGENMSG_SIZE; at + 4 <= payload.length;) {
    const length = payload.readUInt16LE(at)
    const type = payload.readUInt16LE(at + 2) & 0x3fff
    if (type === NFTA_GEN_PROC_NAME)
      return payload.toString('utf8', at + 4, at + length).replace(/\0.*$/s, '')
    if (length < 4) return ''
    at += (length + 3) & ~3
  }
  return ''
}
