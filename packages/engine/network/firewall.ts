import type { Native } from '@tdocker/kernel'
import {
  addPortsText,
  deletePortsText,
  deleteTableText,
  elementKey,
  isCarried,
  ruleCounts,
  tableText,
  type FirewallRules,
  type PortElement,
} from './firewall-rules.ts'
import { deleteNetworkText, networkText, type FirewallNetwork } from './network-chains.ts'

interface NftList {
  nftables: Array<{ rule?: { chain: string } }>
}

/** Long enough for a burst of exits to share one transaction, each of which may cost 8–15 ms. */
const DELETE_DELAY_MS = 50

export interface FirewallLog {
  warn(details: object, message: string): void
}

/**
 * Our nftables table. Adds are immediate, deletes wait and go together; both pass through here,
 * keyed by map element, so that an add that follows a delete of the same key always wins.
 *
 * `#live` is what the kernel's maps hold once the queue has run; `#waiting` are its elements whose
 * owners are gone and which the next flush removes.
 */
export class Firewall {
  readonly #native: Pick<Native, 'nft'>
  readonly #table: string
  readonly #log: FirewallLog
  readonly #live = new Map<string, PortElement>()
  readonly #waiting = new Set<string>()
  #rules: FirewallRules = { networks: [], guardedLinks: [] }
  #timer: NodeJS.Timeout | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor(native: Pick<Native, 'nft'>, table: string, log: FirewallLog) {
    this.#native = native
    this.#table = table
    this.#log = log
  }

  /** The table becomes exactly this, whatever was there. */
  async reset(
    networks: readonly FirewallNetwork[],
    elements: readonly PortElement[],
  ): Promise<void> {
    this.#setNetworks(networks)
    this.#live.clear()
    this.#waiting.clear()
    for (const element of inKernel(elements)) this.#live.set(elementKey(element), element)
    await this.rebuild()
  }

  /** Writes the whole table again, e.g. after another program flushed the rule set. */
  async rebuild(): Promise<void> {
    await this.#run(() => tableText(this.#table, this.#rules, this.#wanted()))
  }

  /** Devices that get no new ways between each other; the rules follow with the next `rebuild`. */
  guard(links: Partial<Pick<FirewallRules, 'guardedLinks' | 'guardedLinks6'>>): void {
    this.#rules = { ...this.#rules, ...links }
  }

  /** Adds a network, or brings its rules to what is said now. */
  async addNetwork(network: FirewallNetwork): Promise<void> {
    const text = (): string => {
      const old = this.#rules.networks.find(({ id }) => id === network.id)
      this.#setNetworks([...this.#othersThan(network.id), network])
      return [
        ...(old === undefined ? [] : deleteNetworkText(this.#table, old)),
        ...networkText(this.#table, network),
      ].join('\n')
    }
    try {
      await this.#run(text).catch((error: unknown) => this.#heal(error))
    } catch (error) {
      this.#setNetworks(this.#othersThan(network.id))
      throw error
    }
  }

  /** Fine when it is not there. */
  async removeNetwork(id: string): Promise<void> {
    const network = this.#rules.networks.find((other) => other.id === id)
    if (network === undefined) return
    try {
      await this.#run(() => {
        this.#setNetworks(this.#othersThan(id))
        return deleteNetworkText(this.#table, network).join('\n')
      })
    } catch {
      // One part that somebody else removed fails them all: write what is wanted instead.
      await this.rebuild()
    }
  }

  #othersThan(id: string): FirewallNetwork[] {
    return this.#rules.networks.filter((network) => network.id !== id)
  }

  #setNetworks(networks: readonly FirewallNetwork[]): void {
    this.#rules = { ...this.#rules, networks }
  }

  /** Whether every rule is still there; false as well when it cannot be told. */
  async isIntact(): Promise<boolean> {
    try {
      // Of the moment when its turn has come, as is the answer.
      let wanted = new Map<string, number>()
      const answer = await this.#run(() => {
        wanted = ruleCounts(this.#rules)
        return `list table inet ${this.#table}`
      })
      const found = new Map<string, number>()
      for (const { rule } of (JSON.parse(answer) as NftList).nftables) {
        if (rule !== undefined) found.set(rule.chain, (found.get(rule.chain) ?? 0) + 1)
      }
      return [...wanted].every(([chain, count]) => found.get(chain) === count)
    } catch {
      return false
    }
  }

  async add(elements: readonly PortElement[]): Promise<void> {
    const wanted = inKernel(elements)
    const lines: string[] = []
    for (const element of wanted) {
      const key = elementKey(element)
      const old = this.#live.get(key)
      this.#waiting.delete(key)
      this.#live.set(key, element)
      if (old !== undefined && sameTarget(old, element)) continue
      // The kernel refuses to add a key that is there with another value.
      if (old !== undefined) lines.push(...deletePortsText(this.#table, [old]))
      lines.push(...addPortsText(this.#table, [element]))
    }
    if (lines.length === 0) return
    try {
      await this.#run(() => lines.join('\n')).catch((error: unknown) => this.#heal(error))
    } catch (error) {
      for (const element of wanted) this.#live.delete(elementKey(element))
      throw error
    }
  }

  /** Returns at once; the elements go within `DELETE_DELAY_MS`, unless somebody adds them again. */
  removeLater(elements: readonly PortElement[]): void {
    for (const element of inKernel(elements)) {
      const live = this.#live.get(elementKey(element))
      if (live !== undefined && sameTarget(live, element)) this.#waiting.add(elementKey(element))
    }
    if (this.#waiting.size === 0 || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.flush().catch((error: unknown) =>
        this.#log.warn({ err: error }, 'cannot remove published ports from nftables'),
      )
    }, DELETE_DELAY_MS)
    this.#timer.unref()
  }

  /** Carries out waiting deletes now. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const keys = [...this.#waiting]
    const gone = keys.map((key) => this.#live.get(key)).filter((element) => element !== undefined)
    if (gone.length === 0) return
    this.#waiting.clear()
    for (const key of keys) this.#live.delete(key)
    try {
      await this.#run(() => deletePortsText(this.#table, gone).join('\n'))
    } catch {
      // One element that somebody else removed fails them all: write what is wanted instead.
      await this.rebuild()
    }
  }

  /** True while traffic to a former owner of this container address may still be sent there. */
  isLeaving(containerAddress: string): boolean {
    for (const key of this.#waiting) {
      if (this.#live.get(key)?.containerAddress === containerAddress) return true
    }
    return false
  }

  /** Resolves when every transaction asked for so far is done. */
  async settled(): Promise<void> {
    await this.#tail
  }

  async remove(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#live.clear()
    this.#waiting.clear()
    await this.#run(() => deleteTableText(this.#table))
  }

  /** A missing table means that another program flushed the rule set under us: write it all again. */
  async #heal(error: unknown): Promise<void> {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    this.#log.warn({ table: this.#table }, 'the nftables table is gone, writing it again')
    await this.rebuild()
  }

  #wanted(): PortElement[] {
    for (const key of this.#waiting) this.#live.delete(key)
    this.#waiting.clear()
    return [...this.#live.values()]
  }

  /** One transaction after the other; the text is made when its turn has come. */
  #run(text: () => string): Promise<string> {
    const turn = this.#tail.then(() => this.#native.nft(text()))
    this.#tail = turn.catch(() => undefined)
    return turn
  }
}

function inKernel(elements: readonly PortElement[]): PortElement[] {
  return elements.filter((element) => !isCarried(element))
}

function sameTarget(a: PortElement, b: PortElement): boolean {
  return a.containerAddress === b.containerAddress && a.containerPort === b.containerPort
}
