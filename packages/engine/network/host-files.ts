import { existsSync, readFileSync } from 'node:fs'
import { isResolvedStub, parseResolvConf, type ResolvConf } from './resolv-conf.ts'
import { parseEphemeralRange, type EphemeralRange } from './host-ports.ts'

const RESOLV_CONF = '/etc/resolv.conf'
/** Where systemd-resolved writes the servers that its stub asks. */
const RESOLVED_UPSTREAMS = '/run/systemd/resolve/resolv.conf'

/** What the network room reads of the host; a value, so that tests can make one up. */
export interface HostFiles {
  hosts(): string
  /** /etc/resolv.conf as it is. */
  resolvConf(): ResolvConf
  /** The same with the servers behind systemd-resolved's stub. */
  upstreamResolvConf(): ResolvConf
  ephemeralPorts(): EphemeralRange
  /** Whether the kernel has IPv6 at all. */
  ipv6: boolean
}

export const hostFiles: HostFiles = {
  hosts: () => read('/etc/hosts'),
  resolvConf: () => parseResolvConf(read(RESOLV_CONF), RESOLV_CONF),
  upstreamResolvConf() {
    const conf = parseResolvConf(read(RESOLV_CONF), RESOLV_CONF)
    return isResolvedStub(conf) && existsSync(RESOLVED_UPSTREAMS)
      ? parseResolvConf(read(RESOLVED_UPSTREAMS), RESOLVED_UPSTREAMS)
      : conf
  },
  ephemeralPorts: () =>
    parseEphemeralRange(
      read('/proc/sys/net/ipv4/ip_local_port_range'),
      read('/proc/sys/net/ipv4/ip_local_reserved_ports'),
    ),
  ipv6: existsSync('/proc/sys/net/ipv6'),
}

/** Empty when the file is not there: a host without resolv.conf still runs containers. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
