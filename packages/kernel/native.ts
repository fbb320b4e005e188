export interface DnsSockets {
  udpFd: number
  tcpFd: number
  udpPort: number
  tcpPort: number
}

/** How one container's questions are answered. All names are in lower case. */
export interface DnsSettings {
  /** In the order in which names are looked up; `aliases` are the container's own words there. */
  networks: ReadonlyArray<{
    id: string
    aliases: ReadonlyArray<{ alias: string; name: string }>
  }>
  /** Names of addresses that no network tells. */
  fixed: ReadonlyArray<{ name: string; addresses: readonly string[] }>
  /** Other servers, best first; asked from the container's namespace or from the host's. */
  upstreams: ReadonlyArray<{ address: string; host: boolean }>
  /** False: those of the host's namespace are not asked. */
  external: boolean
  /** True: names without a dot are not asked elsewhere, the resolver adds its search domains. */
  ndots: boolean
}

/**
 * The face of the N-API addon (`addon/kernel`): few, orthogonal functions, each with one options
 * object in and a promise out. Arguments are checked here and trusted by the C++.
 *
 * Errors: every failing call rejects with (or, where synchronous, throws) a `KernelError`.
 * Descriptors: plain numbers, always O_CLOEXEC, owned by the caller, who gives them to `closeFd`.
 */
export interface Native {
  // ---- processes (addon/kernel/process.cc) ----

  /**
   * Starts the shim: clone3(CLONE_VM|CLONE_VFORK|CLONE_PIDFD) on a pool thread, then execve.
   * In the child, descriptor 3 is a sealed memfd with `plan`, 4 the write end of the notify pipe,
   * and `fds[i]` becomes 5+i; 0, 1, 2 are /dev/null; everything else is closed.
   * Resolves as soon as the shim is executed; read its answer from `notifyFd`.
   */
  launchShim(o: {
    path: string
    name: string
    plan: Uint8Array
    fds: readonly number[]
    cgroupFd?: number
  }): Promise<{ pid: number; pidfd: number; notifyFd: number }>

  /**
   * Resolves when `fd` (pipe, pidfd, eventfd, socket) turns readable or hangs up; uv_poll, no thread.
   * `cancel()` settles it with false and must be called before the descriptor is closed.
   */
  waitReadable(fd: number): { readable: Promise<boolean>; cancel(): void }
  pidfdOpen(pid: number): number
  /** Sends a signal; ESRCH when the process is gone. */
  pidfdSendSignal(pidfd: number, signal: number): void
  /** Duplicates descriptor `target` of the process behind `pidfd`. */
  pidfdGetFd(pidfd: number, target: number): number
  closeFd(fd: number): void
  dupFd(fd: number): number
  /** Memory held by what an AF_UNIX peer has not read yet, in bytes; 0 when it has read all (SIOCOUTQ). */
  unreadByPeer(fd: number): number
  /** A connected AF_UNIX stream pair, non-blocking. */
  socketPair(): [number, number]
  /** A pipe [read, write]; the read end is non-blocking. */
  pipe(): [number, number]
  /** Reads what is there from a non-blocking descriptor; empty at end of file, undefined for EAGAIN. */
  readFd(fd: number, max: number): Buffer | undefined
  /**
   * One request to a shim: connect to its SOCK_SEQPACKET socket, send `message` with `fds`
   * (SCM_RIGHTS), read one reply of at most 64 KiB. On a pool thread, 5 s time limit (ETIMEDOUT).
   */
  shimRequest(o: { path: string; message: Uint8Array; fds?: readonly number[] }): Promise<Buffer>

  // ---- files inside untrusted trees (addon/kernel/rootfs.cc) ----
  // `root` is a descriptor of the tree's root directory; every path goes through
  // openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) on it.

  /** O_PATH descriptor of a host directory the engine itself owns, or of `/proc/PID/root`. */
  openRoot(path: string): number
  /** Detached overlay mount (fsopen, lowerdir+, fsmount); lowers topmost first. */
  overlayOpen(o: {
    lowers: readonly string[]
    upper?: string
    work?: string
    volatile?: boolean
  }): Promise<number>
  /**
   * A detached clone of the mount at `path` (absolute, not followed) in another mount namespace,
   * e.g. the /dev/shm of a container whose IPC namespace is joined. The caller closes it.
   */
  mountClone(o: { mntnsFd: number; path: string }): Promise<number>
  /**
   * A detached mount of one file in memory, which nobody else sees: `data` is on no disk and goes
   * with the last user of the mount. Owner and mode are the file's. The caller closes it.
   */
  privateFile(o: { data: Uint8Array; mode: number; uid: number; gid: number }): Promise<number>
  /** The same of a UNIX stream socket, which listens. The caller closes both. */
  privateSocket(o: {
    mode: number
    uid: number
    gid: number
  }): Promise<{ mount: number; listener: number }>
  /**
   * mount(2) in a mount namespace of its own, whose root the file system becomes; resolves with a
   * descriptor of the namespace, which keeps it mounted. `target` is a directory, covered there only.
   * `flags` are MS_*; the error's syscall is `mount` or, for a read-only bind, `remount-ro`.
   */
  volumeMount(o: {
    device: string
    target: string
    type: string
    flags: number
    data: string
  }): Promise<number>
  /**
   * A detached clone of the directory `base` (of the namespace, when one is given), or of `subpath`
   * in it, where no link is followed and nothing leads out (EXDEV, ELOOP of `openat2`).
   */
  volumeTree(o: {
    mntnsFd?: number
    base: string
    subpath?: string
    recursive: boolean
  }): Promise<{ fd: number; directory: boolean }>
  /** Project id of a directory, 0 for none. */
  projectOf(dir: string): Promise<number>
  /** Limits what may lie below `dir` in bytes; ENOSYS, ESRCH and others where there are no quotas. */
  projectQuota(o: { dir: string; project: number; bytes: number }): Promise<void>
  /** EFBIG when the file is larger than `max` bytes; only regular files (else EINVAL). */
  readFileIn(o: { root: number; path: string; max: number }): Promise<Buffer>
  /** undefined when nothing is there. Does not follow the last component unless `follow`. */
  statIn(o: { root: number; path: string; follow?: boolean }): Promise<FileStat | undefined>
  /** mkdir -p inside the root; existing directories are left as they are. */
  mkdirIn(o: {
    root: number
    path: string
    mode: number
    uid?: number
    gid?: number
  }): Promise<void>
  /**
   * Copies the content of directory `path` (data, ids, modes, xattrs, ns times, hard links, special
   * files) into the directory `dest`, and the directory's own owner, mode and xattrs to `dest`.
   * Used for volume copy-up; symlinks are copied, never followed. Sizes in bytes.
   */
  copyTree(o: {
    root: number
    path: string
    dest: number
  }): Promise<{ entries: number; bytes: number }>
  /** Bytes allocated and entries below a directory of the engine's own (one file system). */
  treeSize(dir: string): Promise<{ bytes: number; entries: number }>
  /** Removes a tree of the engine's own without following links; fine when it is not there. */
  removeTree(dir: string): Promise<void>
  /** syncfs(2) of the file system that holds `path`. */
  syncFs(path: string): Promise<void>
  /** Unpacks one layer; see `LayerExtractor`. */
  layerExtractor(o: LayerExtractorOptions): LayerExtractor
  /**
   * Rebuilds a layer's tar from its directory and `metadata` of its extractor, byte for byte.
   * ENODATA when that cannot be (see addon/kernel/tar-metadata.md), EBADMSG for damaged metadata.
   */
  layerRebuilder(o: { dir: string; metadata: Uint8Array }): LayerRebuilder
  /**
   * Gives an unpacked layer what it takes from the layers below it (diff directories, topmost first):
   * an implicit directory gets owner, mode, times and xattrs of the directory it merges with, if there
   * is one; an open link becomes a copy of the lower file, links to one target sharing the copy.
   * Whiteouts and opaque directories in between count. ENOENT when a link's target is nowhere.
   */
  layerClose(o: {
    dir: string
    lowers: readonly string[]
    implicitDirs: readonly string[]
    openLinks: ReadonlyArray<readonly [string, string]>
  }): Promise<void>

  // ---- live trees (addon/kernel/archive.cc): others may change them meanwhile ----

  /**
   * Pins what `path` leads to (O_PATH), so that what was looked at is what is used; ENOENT, ENOTDIR,
   * ELOOP. The last component is not followed unless `follow`, or a slash comes after it.
   */
  pathOpen(o: {
    root: number
    path: string
    follow?: boolean
  }): Promise<{ fd: number; stat: FileStat }>
  /** The path without links, as far as there is something; for people and policy, never to be opened. */
  resolveIn(o: { root: number; path: string }): Promise<string>
  /**
   * Binds host paths into a detached overlay that is mounted nowhere yet and answers the whole as
   * one detached tree. Targets that are not there are made with `create`, else told. The caller
   * closes `base` and the answer; `base` is of no use afterwards.
   */
  treeAssemble(o: {
    base: number
    readonly?: boolean
    create?: boolean
    /** Answers this part of it alone; links are not followed. ENOENT, ELOOP, EXDEV of `openat2`. */
    subpath?: string
    /** `fd`: a detached mount in place of the path `source`; attached itself, so of use once. */
    binds: ReadonlyArray<{
      source?: string
      fd?: number
      target: string
      readonly: boolean
      recursive: boolean
    }>
  }): Promise<{ fd: number; directory: boolean; missing: string[] }>
  /**
   * What the upper directory `upper` changes in the tree `lower`, by path. `ignored` are paths that
   * count as being there, as long as they are directories, empty files or links.
   */
  treeChanges(o: {
    upper: string
    lower: number
    ignored: readonly string[]
  }): Promise<Array<{ path: string; kind: 0 | 1 | 2 }>>
  /**
   * A tar of what `fd` (O_PATH) pins, a directory with all below it, as Docker writes it. `name` is
   * its name in the archive; without one, a directory's entries stand alone. What vanishes on the
   * way is left out; kernel file systems (proc, sysfs, …) are packed as empty directories.
   *
   * With `layer`, `fd` is an overlay's upper directory above the tree `lower`, and the archive a layer
   * as OCI has it: whiteouts, times to the nanosecond, xattrs of users. `stubs` are paths where mount
   * points are made: what is only that is left out.
   */
  tarPacker(o: {
    fd: number
    name?: string
    layer?: { lower: number; stubs: readonly string[] }
  }): TarPacker
  /**
   * Unpacks a tar into the directory `fd`. With `keepKind` directories are not replaced by others
   * nor the other way round: EISDIR, ENOTDIR of the system call `overwrite`. Names that lead out
   * are EXDEV, damaged archives EBADMSG. `uid` and `gid` override the archive's.
   */
  tarUnpacker(o: { fd: number; keepKind?: boolean; uid?: number; gid?: number }): TarUnpacker
  /** Answers in HTTP chunks on a non-blocking socket; see `ChunkSender`. */
  chunkSender(o: { fd: number }): ChunkSender
  /**
   * The body of an HTTP/1.1 request that is still in its socket; chunked without `length`. `head` is
   * what was read of it already.
   */
  socketBody(o: { fd: number; head: Uint8Array; length?: number }): SocketBody

  /**
   * A decoder of what node:zlib does not know, by the host's liblzma or libbz2; ELIBACC when that is
   * not installed.
   */
  decompressor(format: 'xz' | 'bzip2'): Decompressor
  /**
   * Deflates `data` from `start` on (RFC 1951), on a thread of its own. What is before is the dictionary;
   * no block is the last one, and the end is a byte boundary: blocks made so can follow each other.
   * Equal input gives equal output. `data` must stay as it is until then.
   */
  deflateBlock(o: { data: Uint8Array; start: number }): Promise<Buffer>

  // ---- network (addon/kernel/net.cc, nft.cc) ----

  /** A new network namespace with `lo` up, on a throw-away thread. Sysctls as `net/ipv4/x` → value. */
  netnsCreate(o: { sysctls?: Readonly<Record<string, string>> }): Promise<number>
  /** O_RDONLY descriptor of /proc/PID/ns/NAME. */
  nsOpen(pid: number, name: 'net' | 'mnt' | 'pid' | 'ipc' | 'uts' | 'cgroup' | 'user'): number
  /** Links of a namespace (the daemon's own without `netnsFd`). */
  linkList(o: { netnsFd?: number }): Promise<Link[]>
  addressList(o: { netnsFd?: number }): Promise<Address[]>
  routeList(o: { netnsFd?: number }): Promise<Route[]>
  /** Makes the bridge when it is missing, sets addresses (added, never removed), mtu, mac and up. */
  bridgeEnsure(o: {
    name: string
    addresses: readonly string[]
    mtu?: number
    mac?: string
  }): Promise<{ index: number; created: boolean }>
  /**
   * One veth pair: `hostName` up in the daemon's namespace as a port of `bridge` (hairpin on),
   * its peer in the namespace of `netnsFd`.
   */
  vethAttach(
    o: InterfaceSetup & {
      bridge: string
      hostName: string
      /** The port talks to the bridge and the host only, not to other isolated ports. */
      isolated?: boolean
    },
  ): Promise<{ hostIndex: number }>
  /** Makes a link that is there a port of the bridge, up and with the flags of `vethAttach`. */
  bridgePort(o: { bridge: string; name: string; isolated?: boolean }): Promise<void>
  /**
   * A macvlan or ipvlan of `parent` in the namespace of `netnsFd`. `mode` and `flags` as in
   * linux/if_link.h. EOPNOTSUPP where the kernel has no such links.
   */
  sublinkAttach(
    o: InterfaceSetup & {
      kind: 'macvlan' | 'ipvlan'
      parent: string
      mode: number
      flags?: number
    },
  ): Promise<void>
  /** A link of the daemon's namespace, up; `parent` and `vlanId` of a vlan. */
  linkAdd(o: {
    kind: 'dummy' | 'vlan'
    name: string
    parent?: string
    vlanId?: number
  }): Promise<void>
  /**
   * The family's default route of a namespace goes through `link` and `gateway` from now on;
   * without `link` there is none any more.
   */
  defaultRoute(o: {
    netnsFd: number
    family: 4 | 6
    link?: string
    gateway?: string
  }): Promise<void>
  /** Blocks ~20 ms in the kernel: never on a start path. Fine when it is not there. */
  linkDelete(o: { name: string; netnsFd?: number }): Promise<void>
  /**
   * Runs libnftables commands (text syntax) as one transaction on the nft thread; JSON answer,
   * sets and maps without their elements. In the daemon's namespace, or in the one given.
   */
  nft(commands: string, netnsFd?: number): Promise<string>
  /**
   * A non-blocking netlink socket that becomes readable when any program changes nftables rules; its
   * datagrams are nfnetlink messages. Reading fails with ENOBUFS when some were lost.
   */
  nftMonitor(): number
  /**
   * The filter table of iptables' older kind in the daemon's namespace: struct ipt_getinfo, and the
   * rules (struct ipt_entry, struct ip6t_entry); undefined where there is none. To ask makes it.
   */
  legacyTable(family: 4 | 6): { info: Buffer; entries: Buffer } | undefined
  /** Deletes conntrack flows whose original destination matches; answers their count. */
  conntrackDelete(o: { protocol: 'tcp' | 'udp'; port: number; address?: string }): Promise<number>
  /**
   * A socket bound to reserve a host port exclusively; not listening, so that whatever is not
   * rewritten by nftables is refused. EADDRINUSE when a program holds the port, EADDRNOTAVAIL for an
   * address that is not the host's, EPROTONOSUPPORT for sctp without the kernel module. `port` > 0.
   */
  bindPort(o: { protocol: 'tcp' | 'udp' | 'sctp'; address: string; port: number }): number
  /** The local port of a bound socket. */
  socketPort(fd: number): number

  // ---- embedded DNS server (addon/kernel/dns.cc) ----

  /**
   * Sockets of a DNS server at 127.0.0.11 in a namespace, on ports of the kernel's choice, that hear
   * of questions through `lo` alone. The caller closes them.
   */
  dnsSockets(netnsFd: number): Promise<DnsSockets>
  /** Duplicates of those that a process holds; undefined when it holds none. */
  dnsSocketsOf(pid: number): Promise<DnsSockets | undefined>
  /** Answers what comes on duplicates of these sockets, until `dnsClose`; replaces an older one. */
  dnsServe(o: { id: string; udpFd: number; tcpFd: number } & DnsSettings): void
  /** Nothing happens when it is not served. */
  dnsConfigure(o: { id: string } & DnsSettings): void
  dnsClose(id: string): void
  /** Adds or replaces what an endpoint is called. All names are in lower case. */
  dnsName(o: {
    networkId: string
    networkName: string
    endpointId: string
    names: readonly string[]
    addresses: readonly string[]
  }): void
  dnsForget(o: { networkId: string; endpointId: string }): void

  // ---- logs (addon/kernel/log-frames.cc, datagram.cc) ----

  /**
   * Reads at most `length` bytes of a json-file log and answers its whole lines as the API streams
   * them: stdcopy frames, or on a tty bare bytes. What is no log line is passed over. `position` is
   * behind the last whole line. With `pastUntil` it stopped at a line younger than `untilNs`.
   *
   * With a `socket` frames go there as HTTP chunks, block after block up to `end` or a fair share.
   * `frames` is then what a slow client has not taken, to be given back as `unsent`.
   */
  logFrames(o: {
    fd: number
    position: number
    length: number
    stdout: boolean
    stderr: boolean
    timestamps: boolean
    tty: boolean
    sinceNs?: bigint
    untilNs?: bigint
    socket?: number
    end?: number
    unsent?: Uint8Array
  }): Promise<{ frames: Buffer; position: number; pastUntil: boolean }>
  /** A non-blocking AF_UNIX datagram socket connected to `path`. */
  unixDatagram(path: string): number
  /**
   * One datagram; false when the receiver's queue is full. With `memfd` a message larger than the
   * socket takes travels as a sealed memfd, as the journal accepts it; else EMSGSIZE.
   */
  sendDatagram(o: { fd: number; message: Uint8Array; memfd?: boolean }): boolean

  // ---- policy (addon/kernel/policy.cc) ----

  /** Compiles a seccomp filter with libseccomp (CTL_OPTIMIZE=2) to BPF bytes, on a pool thread. */
  seccompCompile(o: SeccompSource): Promise<Buffer>
  /** BPF_CGROUP_DEVICE program on a cgroup2 directory. Rules in order, last match wins. */
  bpfDeviceAttach(o: { cgroup: string; rules: readonly DeviceRule[] }): Promise<void>
  /** eventfd registered in cgroup v1 `memory.oom_control`; readable at each OOM (and at rmdir). */
  oomEventFd(memoryCgroup: string): number
}

export interface FileStat {
  type: 'file' | 'directory' | 'symlink' | 'block' | 'char' | 'fifo' | 'socket'
  /** Permission bits incl. setuid, setgid, sticky. */
  mode: number
  uid: number
  gid: number
  size: number
  mtimeNs: bigint
  rdev: number
  linkTarget?: string
}

export interface LayerExtractorOptions {
  /** Existing, empty directory that becomes the layer's diff directory. */
  dir: string
  /**
   * Caps, EFBIG beyond: unpacked bytes, which are as well (and 64 MiB) the most that may be no content
   * (filling, what follows the end); entries, together with directories that have none.
   */
  maxBytes?: number
  maxEntries?: number
}

export interface LayerExtractor {
  /** Parses and writes on a worker thread; await each call before the next. */
  feed(chunk: Uint8Array): Promise<void>
  /**
   * Finishes; throws EBADMSG on a truncated archive. `metadata` is what is needed, with the files,
   * to rebuild the tar byte for byte (see addon/kernel/tar-metadata.md).
   */
  end(): Promise<{
    entries: number
    bytes: number
    metadata: Buffer
    /**
     * Directories made without an entry of their own: they take a lower layer's metadata. Names are
     * bytes: these strings have a character for each (`latin1`), for `layerClose` to have them back.
     */
    implicitDirs: string[]
    /** Hard links whose target lies in a lower layer: [path, target], as bytes. */
    openLinks: Array<[string, string]>
  }>
  /** Stops and frees; the directory is the caller's to remove. */
  abort(): void
}

export interface LayerRebuilder {
  /** The next part, about 1 MiB; undefined at the end. ESTALE when a file is not what it was. */
  read(): Promise<Buffer | undefined>
  close(): void
}

/** `more`: its share of time is used up; `blocked`: the peer has, or takes, nothing now. */
export type Progress = 'more' | 'blocked' | 'done'

export interface SocketBody {
  /** What is there, decoded. EPIPE when the peer ends within the body, EBADMSG for bad chunks. */
  read(): Promise<{ data: Buffer; progress: Progress }>
  /** As `read`, into memory of the caller's, of at least 1 MiB; waits a moment for more to fill it. */
  readInto(memory: Uint8Array): Promise<{ size: number; progress: Progress }>
  close(): Promise<void>
}

export interface Decompressor {
  /** Gives it more to decode; not while a `pull` is under way. */
  push(chunk: Uint8Array): void
  /** Up to 1 MiB of what was pushed, on a thread; undefined when it is used up. EBADMSG if damaged. */
  pull(): Promise<Buffer | undefined>
  /** Whether the data may end here. */
  whole(): boolean
}

export interface TarPacker {
  /** The next part, about 1 MiB; undefined at the end. One call at a time. */
  read(): Promise<Buffer | undefined>
  /** Fills the caller's memory with the next part, and answers how much it is; 0 at the end. */
  readInto(memory: Uint8Array): Promise<number>
  /**
   * Writes the archive to a socket in HTTP chunks, the last one included; call until `done`. EPIPE
   * or ECONNRESET when the peer is gone; `stalled` when it has taken nothing since the last call.
   * Not to be mixed with `read`.
   */
  send(fd: number): Promise<Progress | 'stalled'>
  /** A read under way fails with ECANCELED. Resolves when all descriptors are given back. */
  close(): Promise<void>
}

export interface ChunkSender {
  /**
   * Sends one chunk, an empty one as the last. Unless it answers `done`, call `resume` until that does;
   * `stalled` when the peer has taken nothing in that call. EPIPE or ECONNRESET when it is gone.
   */
  send(chunk: Uint8Array): Promise<'done' | 'blocked' | 'stalled'>
  resume(): Promise<'done' | 'blocked' | 'stalled'>
  close(): Promise<void>
}

export interface TarUnpacker {
  /** Parses and writes on a worker thread; await each call before the next. */
  feed(chunk: Uint8Array): Promise<void>
  /** Unpacks what comes from a socket; call until `done`. */
  feedFrom(body: SocketBody): Promise<Progress>
  end(): Promise<void>
  /** A chunk at work stops at its next entry. Resolves when all descriptors are given back. */
  abort(): Promise<void>
}

/** What an interface in a container's namespace is given. */
export interface InterfaceSetup {
  netnsFd: number
  name: string
  mac: string
  /** CIDR form. */
  addresses: readonly string[]
  /** Default routes, one per family at most; `0.0.0.0` and `::` for routes to the link itself. */
  gateways: readonly string[]
  mtu?: number
  /** As `net/ipv6/conf/eth0/x` → value; written before the interface is up. */
  sysctls?: Readonly<Record<string, string>>
}
export interface Link {
  index: number
  name: string
  kind: string
  master?: number
  up: boolean
  mac: string
  mtu: number
}
export interface Address {
  index: number
  /** CIDR form. */
  address: string
}
export interface Route {
  family: 4 | 6
  /** CIDR form; `0.0.0.0/0` or `::/0` for a default route. */
  destination: string
  gateway?: string
  index?: number
}

export interface SeccompSource {
  /** e.g. SCMP_ACT_ERRNO with errno 1. */
  defaultAction: string
  defaultErrno?: number
  /** libseccomp names: x86_64, x86, x32, aarch64, arm … */
  architectures: readonly string[]
  rules: ReadonlyArray<{
    names: readonly string[]
    action: string
    errno?: number
    args: ReadonlyArray<{ index: number; op: string; value: bigint; valueTwo?: bigint }>
  }>
}

export interface DeviceRule {
  allow: boolean
  type: 'a' | 'b' | 'c'
  /** -1 for any. */
  major: number
  minor: number
  /** Subset of rwm. */
  access: string
}

/** A failed system call. Never leaves the engine bare. */
export class KernelError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path: string | undefined
  constructor(code: string, errno: number, syscall: string, path?: string) {
    super(`${syscall}${path === undefined ? '' : ` ${path}`}: ${code}`)
    this.name = 'KernelError'
    this.code = code
    this.errno = errno
    this.syscall = syscall
    this.path = path
  }
}
