/** Which hosts serve a registry name, in which order, and which of them may be plain or unverified. */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { invalidParameter } from '../base/errors.ts'
import { HUB, type Mirror, parseMirror } from './mirror.ts'

const HUB_INDEX = 'index.docker.io'
const HUB_ENDPOINT = 'https://registry-1.docker.io/'

export interface RegistryOptions {
  /** `registry-mirrors` of daemon.json: `URL` for Docker Hub, `HOST=URL` for another registry. */
  registryMirrors: readonly string[]
  /** `insecure-registries`: host, host:port or CIDR. */
  insecureRegistries: readonly string[]
}

export interface Endpoint {
  /** Ends with `/`; requests go to `v2/…` below it. */
  base: URL
  mirror: boolean
  /** Certificates are not checked. */
  insecure: boolean
}

/** Answers the endpoints of a registry as moby does (daemon/pkg/registry/service_v2.go). */
export class RegistryConfig {
  readonly mirrors: readonly Mirror[]
  readonly insecureCidrs: readonly string[]
  readonly insecureHosts: readonly string[]
  readonly #insecure = new BlockList()

  /** Throws invalidParameter for mirrors and hosts that do not parse. */
  constructor(options: RegistryOptions) {
    this.mirrors = unique(options.registryMirrors.map(parseMirror))
    const entries = options.insecureRegistries.map((entry) => entry.replace(/^https?:\/\//i, ''))
    const isCidr = (entry: string): boolean => parseCidr(entry) !== undefined
    this.insecureHosts = entries.filter((entry) => !isCidr(entry))
    this.insecureHosts.forEach(validateHost)
    this.insecureCidrs = [...new Set([...entries.filter(isCidr), '::1/128', '127.0.0.0/8'])]
    for (const cidr of this.insecureCidrs) {
      const parsed = parseCidr(cidr)
      if (parsed) this.#insecure.addSubnet(parsed.address, parsed.prefix, parsed.family)
    }
  }

  /** Mirrors first, then https, then http where the host is insecure. */
  async endpoints(domain: string, o: { mirrors: boolean }): Promise<Endpoint[]> {
    const host = domain === HUB_INDEX ? HUB : domain
    const mirrors = o.mirrors ? await this.#mirrorsOf(host) : []
    if (host === HUB) {
      return [...mirrors, { base: new URL(HUB_ENDPOINT), mirror: false, insecure: false }]
    }
    const insecure = await this.isInsecure(host)
    const https = { base: baseOf(`https://${host}/`), mirror: false, insecure }
    const own = insecure ? [https, { ...https, base: baseOf(`http://${host}/`) }] : [https]
    return [...mirrors, ...own]
  }

  #mirrorsOf(host: string): Promise<Endpoint[]> {
    const of = this.mirrors.filter((mirror) => mirror.host === host)
    return Promise.all(
      of.map(async ({ url }) => {
        const base = new URL(url)
        return { base, mirror: true, insecure: await this.isInsecure(base.host) }
      }),
    )
  }

  /** Listed by name, or one of its addresses lies in a listed network (loopback always does). */
  async isInsecure(hostPort: string): Promise<boolean> {
    if (this.insecureHosts.includes(hostPort)) return true
    const host = hostOf(hostPort)
    const addresses = isIP(host) ? [host] : await addressesOf(host)
    return addresses.some((address) => this.#insecure.check(address, familyOf(address)))
  }
}

function unique(mirrors: readonly Mirror[]): Mirror[] {
  return mirrors.filter(
    ({ host, url }, at) => mirrors.findIndex((m) => m.host === host && m.url === url) === at,
  )
}

function baseOf(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw invalidParameter(`invalid registry endpoint ${text}`)
  }
}

async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map((entry) => entry.address)
  } catch {
    return []
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** `[::1]:5000` → `::1`, `host:5000` → `host`. */
export function hostOf(hostPort: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(hostPort)
  if (bracketed) return bracketed[1] ?? ''
  return isIP(hostPort) ? hostPort : hostPort.replace(/:\d*$/, '')
}

function parseCidr(
  text: string,
): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const match = /^(.+)\/(\d{1,3})$/.exec(text)
  const address = match?.[1] ?? ''
  const version = isIP(address)
  const prefix = Number(match?.[2])
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return undefined
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' }
}

function validateHost(entry: string): void {
  const shape = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[A-Fa-f0-9:]+\])(?::(\d+))?$/
  const match = shape.exec(entry)
  if (!isIP(entry) && match === null) {
    throw invalidParameter(
      `insecure registry ${entry} is not valid: invalid host "${hostOf(entry)}"`,
    )
  }
  if (Number(match?.[1] ?? 0) > 65535) {
    throw invalidParameter(`insecure registry ${entry} is not valid: invalid port "${match?.[1]}"`)
  }
}
