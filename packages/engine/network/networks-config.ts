import type { AddressPool } from './ipam.ts'

/** Name of the network that `bridge` and `default` mean. */
export const DEFAULT_NETWORK = 'bridge'

export interface NetworksConfig {
  /** Device of the default bridge (`--bridge`); `none` for no bridge at all. */
  bridge?: string
  /** Its address in CIDR form (`--bip`). */
  bip?: string
  /** The same for IPv6, which the default bridge has with `--ipv6` only. */
  bip6?: string
  ipv6?: boolean
  /** Where its containers' addresses come from (`--fixed-cidr`, `--fixed-cidr-v6`), CIDR. */
  fixedCidr?: string
  fixedCidr6?: string
  /** Its containers' next hop, where that is not the bridge (`--default-gateway`). */
  defaultGateway?: string
  defaultGateway6?: string
  /** Driver options that networks have without being asked for, by driver (`default-network-opts`). */
  defaultOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Identity of the machine that unique local IPv6 subnets are derived from. */
  hostId?: string
  /** nftables table of this daemon. */
  table?: string
  /** `--mtu`; that of the default route's device, 1500 at most, without it. */
  mtu?: number
  /** Host address of ports published without one (`--ip`). */
  hostAddress?: string
  /** False: IPv6 clients do not reach ports of containers without IPv6 (`--userland-proxy`). */
  userlandProxy?: boolean
  /** `default-address-pools`. */
  pools?: readonly AddressPool[]
  /** `--icc`, `--ip-masq`, `--ip-forward`: all true. */
  interContainer?: boolean
  masquerade?: boolean
  ipForward?: boolean
  /** False: where we turn forwarding on, the host's own devices may forward as well. */
  ipForwardGuard?: boolean
  /** What `host-gateway` stands for (`--host-gateway-ip`); the bridge's addresses without it. */
  hostGateways?: readonly string[]
  /** Defaults of containers without settings of their own (`--dns`, `--dns-search`, `--dns-opt`). */
  dns?: readonly string[]
  dnsSearch?: readonly string[]
  dnsOptions?: readonly string[]
}

export interface NetworksLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
