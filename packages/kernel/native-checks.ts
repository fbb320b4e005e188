import type { DnsSettings, InterfaceSetup, Native } from './native.ts'

/** One check per native function: throws TypeError or RangeError for what C++ must never see. */
export type NativeChecks = { [K in keyof Native]: (...args: Parameters<Native[K]>) => void }

const INT32_MAX = 0x7fffffff
const ID_MAX = 0xfffffffe
const INTERFACE_NAME = /^[^\s/:]{1,15}$/
const NAMESPACES = new Set(['net', 'mnt', 'pid', 'ipc', 'uts', 'cgroup', 'user'])
const PROTOCOLS = new Set(['tcp', 'udp', 'sctp'])
const SUBLINKS = new Set(['macvlan', 'ipvlan'])
const OWN_LINKS = new Set(['dummy', 'vlan'])
const FAMILIES = new Set(['4', '6'])

function text(value: unknown, name: string): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
  // A C string ends at the first NUL, so the kernel would see another value than was checked here.
  if (value.includes('\0')) throw new RangeError(`${name} must not contain NUL`)
}

function filled(value: unknown, name: string): void {
  text(value, name)
  if (value === '') throw new RangeError(`${name} must not be empty`)
}

function absolute(value: unknown, name: string): void {
  filled(value, name)
  if (!(value as string).startsWith('/')) throw new RangeError(`${name} must be absolute`)
}

function integer(value: unknown, name: string, min: number, max: number): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`)
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}`)
  }
}

function fd(value: unknown, name = 'fd'): void {
  integer(value, name, 0, INT32_MAX)
}

function pid(value: unknown): void {
  integer(value, 'pid', 1, INT32_MAX)
}

function optional<T>(value: T | undefined, check: (value: T) => void): void {
  if (value !== undefined) check(value)
}

function list<T>(value: readonly T[], name: string, check: (item: T, name: string) => void): void {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array`)
  value.forEach((item, index) => check(item as T, `${name}[${index}]`))
}

function bytes(value: unknown, name: string): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`)
}

function owned(o: { mode: number; uid: number; gid: number }): void {
  integer(o.mode, 'mode', 0, 0o7777)
  integer(o.uid, 'uid', 0, ID_MAX)
  integer(o.gid, 'gid', 0, ID_MAX)
}

function flag(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be a boolean`)
}

function options(value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError('options must be an object')
}

function interfaceName(value: unknown, name: string): void {
  filled(value, name)
  if (!INTERFACE_NAME.test(value as string)) {
    throw new RangeError(`${name} must be an interface name of 1 to 15 characters`)
  }
}

function oneOf(value: string, name: string, allowed: ReadonlySet<string>): void {
  if (!allowed.has(value)) throw new RangeError(`${name} must be one of ${[...allowed].join(', ')}`)
}

function inNamespace(o: { netnsFd?: number }): void {
  options(o)
  optional(o.netnsFd, (value) => fd(value, 'netnsFd'))
}

function sysctls(values: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(values)) {
    filled(key, 'sysctl')
    text(value, `sysctl ${key}`)
    if (key.startsWith('/') || key.split('/').includes('..')) {
      throw new RangeError(`sysctl ${key} must be relative to /proc/sys`)
    }
  }
}

function interfaceSetup(o: InterfaceSetup): void {
  options(o)
  interfaceName(o.name, 'name')
  fd(o.netnsFd, 'netnsFd')
  optional(o.mac === '' ? undefined : o.mac, mac)
  list(o.addresses, 'addresses', filled)
  list(o.gateways, 'gateways', filled)
  optional(o.mtu, mtu)
  optional(o.sysctls, sysctls)
}

function inRoot(o: { root: number; path: string }): void {
  options(o)
  fd(o.root, 'root')
  text(o.path, 'path')
}

const mtu = (value: number): void => integer(value, 'mtu', 68, 65535)
const mac = (value: string): void => {
  filled(value, 'mac')
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(value)) throw new RangeError('mac must be 6 hex pairs')
}

function dnsSettings(o: { id: string } & DnsSettings): void {
  options(o)
  filled(o.id, 'id')
  list(o.networks, 'networks', (network, name) => {
    filled(network.id, `${name}.id`)
    list(network.aliases, `${name}.aliases`, (entry, at) => {
      filled(entry.alias, `${at}.alias`)
      filled(entry.name, `${at}.name`)
    })
  })
  list(o.fixed, 'fixed', (entry, name) => {
    filled(entry.name, `${name}.name`)
    list(entry.addresses, `${name}.addresses`, filled)
  })
  list(o.upstreams, 'upstreams', (entry, name) => {
    filled(entry.address, `${name}.address`)
    flag(entry.host, `${name}.host`)
  })
  flag(o.external, 'external')
  flag(o.ndots, 'ndots')
}

export const nativeChecks: NativeChecks = {
  launchShim(o) {
    options(o)
    absolute(o.path, 'path')
    filled(o.name, 'name')
    bytes(o.plan, 'plan')
    list(o.fds, 'fds', fd)
    if (o.fds.length > 128) throw new RangeError('fds must have at most 128 entries')
    optional(o.cgroupFd, (value) => fd(value, 'cgroupFd'))
  },
  waitReadable: (value) => fd(value),
  pidfdOpen: pid,
  pidfdSendSignal(pidfd, signal) {
    fd(pidfd, 'pidfd')
    integer(signal, 'signal', 0, 64)
  },
  pidfdGetFd(pidfd, target) {
    fd(pidfd, 'pidfd')
    fd(target, 'target')
  },
  closeFd: (value) => fd(value),
  dupFd: (value) => fd(value),
  unreadByPeer: (value) => fd(value),
  socketPair() {},
  pipe() {},
  readFd(value, max) {
    fd(value)
    integer(max, 'max', 1, 64 << 20)
  },
  shimRequest(o) {
    options(o)
    absolute(o.path, 'path')
    if (Buffer.byteLength(o.path) > 107) throw new RangeError('path must be under 108 bytes')
    bytes(o.message, 'message')
    optional(o.fds, (fds) => {
      list(fds, 'fds', fd)
      // SCM_MAX_FD, unix(7)
      if (fds.length > 253) throw new RangeError('fds must have at most 253 entries')
    })
  },

  openRoot: (path) => absolute(path, 'path'),
  overlayOpen(o) {
    options(o)
    list(o.lowers, 'lowers', absolute)
    if (o.lowers.length === 0) throw new RangeError('lowers must not be empty')
    optional(o.upper, (path) => absolute(path, 'upper'))
    optional(o.work, (path) => absolute(path, 'work'))
    if ((o.upper === undefined) !== (o.work === undefined)) {
      throw new TypeError('upper and work go together')
    }
    optional(o.volatile, (value) => flag(value, 'volatile'))
  },
  mountClone(o) {
    options(o)
    fd(o.mntnsFd, 'mntnsFd')
    absolute(o.path, 'path')
  },
  privateFile(o) {
    options(o)
    bytes(o.data, 'data')
    owned(o)
  },
  privateSocket(o) {
    options(o)
    owned(o)
  },
  volumeMount(o) {
    options(o)
    text(o.device, 'device')
    absolute(o.target, 'target')
    text(o.type, 'type')
    integer(o.flags, 'flags', 0, 0xffffffff)
    text(o.data, 'data')
  },
  volumeTree(o) {
    options(o)
    optional(o.mntnsFd, (value) => fd(value, 'mntnsFd'))
    absolute(o.base, 'base')
    optional(o.subpath, (value) => text(value, 'subpath'))
    flag(o.recursive, 'recursive')
  },
  projectOf: (dir) => absolute(dir, 'dir'),
  projectQuota(o) {
    options(o)
    absolute(o.dir, 'dir')
    integer(o.project, 'project', 1, ID_MAX)
    integer(o.bytes, 'bytes', 0, Number.MAX_SAFE_INTEGER)
  },
  readFileIn(o) {
    inRoot(o)
    integer(o.max, 'max', 0, 1 << 30)
  },
  statIn(o) {
    inRoot(o)
    optional(o.follow, (value) => flag(value, 'follow'))
  },
  mkdirIn(o) {
    inRoot(o)
    integer(o.mode, 'mode', 0, 0o7777)
    optional(o.uid, (value) => integer(value, 'uid', 0, ID_MAX))
    optional(o.gid, (value) => integer(value, 'gid', 0, ID_MAX))
  },
  copyTree(o) {
    inRoot(o)
    fd(o.dest, 'dest')
  },
  treeSize: (dir) => absolute(dir, 'dir'),
  removeTree(dir) {
    absolute(dir, 'dir')
    if (/^\/+\.?$/.test(dir)) throw new RangeError('dir must not be the root directory')
  },
  syncFs: (path) => absolute(path, 'path'),
  layerExtractor(o) {
    options(o)
    absolute(o.dir, 'dir')
    optional(o.maxBytes, (value) => integer(value, 'maxBytes', 0, Number.MAX_SAFE_INTEGER))
    optional(o.maxEntries, (value) => integer(value, 'maxEntries', 0, Number.MAX_SAFE_INTEGER))
  },
  layerClose(o) {
    options(o)
    absolute(o.dir, 'dir')
    o.lowers.forEach((lower, at) => absolute(lower, `lowers[${at}]`))
    o.implicitDirs.forEach((path, at) => text(path, `implicitDirs[${at}]`))
    o.openLinks.forEach((link, at) => link.forEach((path) => text(path, `openLinks[${at}]`)))
  },
  layerRebuilder(o) {
    options(o)
    absolute(o.dir, 'dir')
    bytes(o.metadata, 'metadata')
  },

  pathOpen(o) {
    inRoot(o)
    optional(o.follow, (value) => flag(value, 'follow'))
  },
  resolveIn: inRoot,
  treeAssemble(o) {
    options(o)
    fd(o.base, 'base')
    optional(o.readonly, (value) => flag(value, 'readonly'))
    optional(o.create, (value) => flag(value, 'create'))
    optional(o.subpath, (value) => text(value, 'subpath'))
    list(o.binds, 'binds', (bind, name) => {
      if (bind.fd === undefined) absolute(bind.source, `${name}.source`)
      else fd(bind.fd, `${name}.fd`)
      absolute(bind.target, `${name}.target`)
      flag(bind.readonly, `${name}.readonly`)
      flag(bind.recursive, `${name}.recursive`)
    })
  },
  treeChanges(o) {
    options(o)
    absolute(o.upper, 'upper')
    fd(o.lower, 'lower')
    list(o.ignored, 'ignored', absolute)
  },
  tarPacker(o) {
    options(o)
    fd(o.fd)
    optional(o.name, (value) => text(value, 'name'))
    optional(o.layer, (layer) => {
      fd(layer.lower, 'layer.lower')
      list(layer.stubs, 'layer.stubs', absolute)
    })
  },
  tarUnpacker(o) {
    options(o)
    fd(o.fd)
    optional(o.keepKind, (value) => flag(value, 'keepKind'))
    optional(o.uid, (value) => integer(value, 'uid', 0, ID_MAX))
    optional(o.gid, (value) => integer(value, 'gid', 0, ID_MAX))
  },
  decompressor: (format) => oneOf(format, 'format', new Set(['xz', 'bzip2'])),
  deflateBlock(o) {
    options(o)
    bytes(o.data, 'data')
    integer(o.start, 'start', 0, o.data.length)
    // Places are 32 bits.
    integer(o.data.length, 'length of data', 0, 2 ** 30)
  },
  chunkSender(o) {
    options(o)
    fd(o.fd)
  },
  socketBody(o) {
    options(o)
    fd(o.fd)
    bytes(o.head, 'head')
    optional(o.length, (value) => integer(value, 'length', 0, Number.MAX_SAFE_INTEGER))
  },

  netnsCreate(o) {
    options(o)
    optional(o.sysctls, sysctls)
  },
  nsOpen(value, name) {
    pid(value)
    oneOf(name, 'name', NAMESPACES)
  },
  linkList: inNamespace,
  addressList: inNamespace,
  routeList: inNamespace,
  bridgeEnsure(o) {
    options(o)
    interfaceName(o.name, 'name')
    list(o.addresses, 'addresses', filled)
    optional(o.mtu, mtu)
    optional(o.mac, mac)
  },
  vethAttach(o) {
    interfaceSetup(o)
    interfaceName(o.bridge, 'bridge')
    interfaceName(o.hostName, 'hostName')
  },
  bridgePort(o) {
    options(o)
    interfaceName(o.bridge, 'bridge')
    interfaceName(o.name, 'name')
  },
  sublinkAttach(o) {
    interfaceSetup(o)
    oneOf(o.kind, 'kind', SUBLINKS)
    interfaceName(o.parent, 'parent')
    integer(o.mode, 'mode', 0, 0xff)
    optional(o.flags, (value) => integer(value, 'flags', 0, 0xff))
  },
  linkAdd(o) {
    options(o)
    oneOf(o.kind, 'kind', OWN_LINKS)
    interfaceName(o.name, 'name')
    optional(o.parent, (value) => interfaceName(value, 'parent'))
    optional(o.vlanId, (value) => integer(value, 'vlanId', 1, 4094))
  },
  defaultRoute(o) {
    inNamespace(o)
    fd(o.netnsFd, 'netnsFd')
    oneOf(String(o.family), 'family', FAMILIES)
    optional(o.link, (value) => interfaceName(value, 'link'))
    optional(o.gateway, (value) => filled(value, 'gateway'))
  },
  linkDelete(o) {
    inNamespace(o)
    interfaceName(o.name, 'name')
  },
  nft(commands, netnsFd) {
    filled(commands, 'commands')
    optional(netnsFd, (value) => fd(value, 'netnsFd'))
  },
  nftMonitor: () => undefined,
  legacyTable: (family) => integer(family, 'family', 4, 6),
  conntrackDelete(o) {
    options(o)
    oneOf(o.protocol, 'protocol', PROTOCOLS)
    integer(o.port, 'port', 1, 65535)
    optional(o.address, (value) => filled(value, 'address'))
  },
  bindPort(o) {
    options(o)
    oneOf(o.protocol, 'protocol', PROTOCOLS)
    filled(o.address, 'address')
    integer(o.port, 'port', 0, 65535)
  },
  socketPort: (value) => fd(value),

  dnsSockets: (value) => fd(value, 'netnsFd'),
  dnsSocketsOf: (value) => pid(value),
  dnsServe(o) {
    dnsSettings(o)
    fd(o.udpFd, 'udpFd')
    fd(o.tcpFd, 'tcpFd')
  },
  dnsConfigure: (o) => dnsSettings(o),
  dnsClose: (id) => filled(id, 'id'),
  dnsName(o) {
    options(o)
    for (const key of ['networkId', 'networkName', 'endpointId'] as const) filled(o[key], key)
    list(o.names, 'names', filled)
    list(o.addresses, 'addresses', filled)
  },
  dnsForget(o) {
    options(o)
    filled(o.networkId, 'networkId')
    filled(o.endpointId, 'endpointId')
  },

  logFrames(o) {
    options(o)
    fd(o.fd)
    integer(o.position, 'position', 0, Number.MAX_SAFE_INTEGER)
    integer(o.length, 'length', 1, 64 << 20)
    for (const key of ['stdout', 'stderr', 'timestamps', 'tty'] as const) flag(o[key], key)
    optional(o.socket, (value) => fd(value))
    optional(o.end, (value) => integer(value, 'end', 0, Number.MAX_SAFE_INTEGER))
    optional(o.unsent, (value) => bytes(value, 'unsent'))
  },
  unixDatagram: (path) => absolute(path, 'path'),
  sendDatagram(o) {
    options(o)
    fd(o.fd)
    bytes(o.message, 'message')
    optional(o.memfd, (value) => flag(value, 'memfd'))
  },

  seccompCompile(o) {
    options(o)
    filled(o.defaultAction, 'defaultAction')
    list(o.architectures, 'architectures', filled)
    list(o.rules, 'rules', (rule, name) => {
      list(rule.names, `${name}.names`, filled)
      filled(rule.action, `${name}.action`)
      list(rule.args, `${name}.args`, (arg, at) => integer(arg.index, `${at}.index`, 0, 5))
    })
  },
  bpfDeviceAttach(o) {
    options(o)
    absolute(o.cgroup, 'cgroup')
    list(o.rules, 'rules', (rule, name) => {
      flag(rule.allow, `${name}.allow`)
      oneOf(rule.type, `${name}.type`, new Set(['a', 'b', 'c']))
      integer(rule.major, `${name}.major`, -1, INT32_MAX)
      integer(rule.minor, `${name}.minor`, -1, INT32_MAX)
      if (!/^[rwm]{0,3}$/.test(rule.access)) throw new RangeError(`${name}.access must be of rwm`)
    })
  },
  oomEventFd: (cgroup) => absolute(cgroup, 'memoryCgroup'),
}
