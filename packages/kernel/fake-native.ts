import { constants, deflateRawSync } from 'node:zlib'
import { KernelError, type LayerExtractor, type LayerRebuilder, type Native } from './native.ts'

export interface FakeCall {
  name: keyof Native
  args: readonly unknown[]
}

type Stub = (...args: never[]) => unknown

/**
 * The kernel as unit tests see it: records every call, hands out made-up descriptors and knows which
 * are still open (`openFds`), so that a test can say that nothing leaked. `stub` replaces the answer
 * of one function, `fail` makes its next call fail.
 */
export class FakeNative {
  readonly calls: FakeCall[] = []
  readonly openFds: Set<number> = new Set<number>()
  readonly #stubs = new Map<string, Stub>()
  readonly #failures = new Map<string, KernelError[]>()
  readonly #waiters = new Map<number, PromiseWithResolvers<boolean>[]>()
  readonly #incoming = new Map<number, Buffer[]>()
  readonly #ended = new Set<number>()
  #nextFd = 1000
  #nextPid = 5000

  /** The `Native` to hand to the code under test. */
  readonly native: Native = this.#build()

  stub<K extends keyof Native>(name: K, answer: Native[K]): void {
    this.#stubs.set(name, answer as Stub)
  }

  /** The next call of `name` fails with `code`; several wait in line. */
  fail(name: keyof Native, code: string, errno = 0): void {
    const queue = this.#failures.get(name) ?? []
    queue.push(new KernelError(code, errno, name))
    this.#failures.set(name, queue)
  }

  /** Arguments of each call of `name`, in order. */
  callsOf<K extends keyof Native>(name: K): Parameters<Native[K]>[] {
    const calls = this.calls.filter((call) => call.name === name)
    return calls.map((call) => call.args as unknown as Parameters<Native[K]>)
  }

  /** A descriptor that counts as open. */
  openFd(): number {
    const fd = this.#nextFd++
    this.openFds.add(fd)
    return fd
  }

  /** Bytes arrive on `fd`: `waitReadable` resolves, `readFd` answers them. */
  push(fd: number, data: Uint8Array | string): void {
    const queue = this.#incoming.get(fd) ?? []
    queue.push(Buffer.from(data as Uint8Array))
    this.#incoming.set(fd, queue)
    this.#wake(fd, true)
  }

  /** The other side of `fd` is closed (a pidfd: the process ended). */
  end(fd: number): void {
    this.#ended.add(fd)
    this.#wake(fd, true)
  }

  #wake(fd: number, readable: boolean): void {
    const waiters = this.#waiters.get(fd) ?? []
    this.#waiters.delete(fd)
    for (const waiter of waiters) waiter.resolve(readable)
  }

  #answer(name: keyof Native, args: readonly unknown[], usual: () => unknown): unknown {
    this.calls.push({ name, args })
    const failure = this.#failures.get(name)?.shift()
    if (failure !== undefined) throw failure
    const stub = this.#stubs.get(name) as ((...args: unknown[]) => unknown) | undefined
    return stub === undefined ? usual() : stub(...args)
  }

  #sync<K extends keyof Native>(name: K, usual: Stub): Native[K] {
    return ((...args: never[]) => this.#answer(name, args, () => usual(...args))) as Native[K]
  }

  #async<K extends keyof Native>(name: K, usual: Stub): Native[K] {
    return (async (...args: never[]) =>
      await this.#answer(name, args, () => usual(...args))) as unknown as Native[K]
  }

  #waitReadable(fd: number): { readable: Promise<boolean>; cancel(): void } {
    const waiter = Promise.withResolvers<boolean>()
    if (this.#ended.has(fd) || (this.#incoming.get(fd)?.length ?? 0) > 0) waiter.resolve(true)
    else this.#waiters.set(fd, [...(this.#waiters.get(fd) ?? []), waiter])
    return { readable: waiter.promise, cancel: () => waiter.resolve(false) }
  }

  #readFd(fd: number, max: number): Buffer | undefined {
    const queue = this.#incoming.get(fd) ?? []
    const [head] = queue
    if (head === undefined) return this.#ended.has(fd) ? Buffer.alloc(0) : undefined
    if (head.length > max) queue[0] = head.subarray(max)
    else queue.shift()
    return head.subarray(0, max)
  }

  #closeFd(fd: number): void {
    if (!this.openFds.delete(fd)) throw new KernelError('EBADF', 9, 'close')
    this.#wake(fd, false)
  }

  #build(): Native {
    const open = (): number => this.openFd()
    const nothing = (): undefined => undefined
    return {
      launchShim: this.#async('launchShim', () => ({
        pid: this.#nextPid++,
        pidfd: open(),
        notifyFd: open(),
      })),
      waitReadable: this.#sync('waitReadable', (fd: number) => this.#waitReadable(fd)),
      pidfdOpen: this.#sync('pidfdOpen', open),
      pidfdSendSignal: this.#sync('pidfdSendSignal', nothing),
      pidfdGetFd: this.#sync('pidfdGetFd', open),
      closeFd: this.#sync('closeFd', (fd: number) => this.#closeFd(fd)),
      dupFd: this.#sync('dupFd', open),
      unreadByPeer: this.#sync('unreadByPeer', () => 0),
      socketPair: this.#sync('socketPair', () => [open(), open()]),
      pipe: this.#sync('pipe', () => [open(), open()]),
      readFd: this.#sync('readFd', (fd: number, max: number) => this.#readFd(fd, max)),
      shimRequest: this.#async('shimRequest', () => Buffer.alloc(0)),
      openRoot: this.#sync('openRoot', open),
      overlayOpen: this.#async('overlayOpen', open),
      mountClone: this.#async('mountClone', open),
      privateFile: this.#async('privateFile', open),
      privateSocket: this.#async('privateSocket', () => ({ mount: open(), listener: open() })),
      volumeMount: this.#async('volumeMount', open),
      volumeTree: this.#async('volumeTree', () => ({ fd: open(), directory: true })),
      projectOf: this.#async('projectOf', () => 0),
      projectQuota: this.#async('projectQuota', nothing),
      readFileIn: this.#async('readFileIn', ({ path }: { path: string }) => {
        throw new KernelError('ENOENT', 2, 'openat2', path)
      }),
      statIn: this.#async('statIn', nothing),
      mkdirIn: this.#async('mkdirIn', nothing),
      copyTree: this.#async('copyTree', () => ({ entries: 0, bytes: 0 })),
      treeSize: this.#async('treeSize', () => ({ bytes: 0, entries: 0 })),
      removeTree: this.#async('removeTree', nothing),
      syncFs: this.#async('syncFs', nothing),
      layerExtractor: this.#sync('layerExtractor', fakeExtractor),
      layerClose: this.#async('layerClose', nothing),
      layerRebuilder: this.#sync('layerRebuilder', fakeRebuilder),
      pathOpen: this.#async('pathOpen', ({ path }: { path: string }) => {
        throw new KernelError('ENOENT', 2, 'lstat', path)
      }),
      resolveIn: this.#async('resolveIn', ({ path }: { path: string }) => path),
      treeAssemble: this.#async('treeAssemble', () => ({
        fd: open(),
        directory: true,
        missing: [],
      })),
      treeChanges: this.#async('treeChanges', () => []),
      tarPacker: this.#sync('tarPacker', () => ({
        read: async () => undefined,
        readInto: async () => 0,
        send: async () => 'done' as const,
        close: async () => {},
      })),
      decompressor: this.#sync('decompressor', () => ({
        push() {},
        pull: async () => undefined,
        whole: () => true,
      })),
      deflateBlock: this.#async(
        'deflateBlock',
        ({ data, start }: { data: Uint8Array; start: number }) =>
          deflateRawSync(data.subarray(start), {
            finishFlush: constants.Z_SYNC_FLUSH,
            ...(start > 0 && { dictionary: data.subarray(0, start) }),
          }),
      ),
      chunkSender: this.#sync('chunkSender', () => ({
        send: async () => 'done' as const,
        resume: async () => 'done' as const,
        close: async () => {},
      })),
      socketBody: this.#sync('socketBody', () => ({
        read: async () => ({ data: Buffer.alloc(0), progress: 'done' as const }),
        readInto: async () => ({ size: 0, progress: 'done' as const }),
        close: async () => {},
      })),
      tarUnpacker: this.#sync('tarUnpacker', () => ({
        feed: async () => {},
        feedFrom: async () => 'done' as const,
        end: async () => {},
        abort: async () => {},
      })),
      netnsCreate: this.#async('netnsCreate', open),
      nsOpen: this.#sync('nsOpen', open),
      linkList: this.#async('linkList', () => []),
      addressList: this.#async('addressList', () => []),
      routeList: this.#async('routeList', () => []),
      bridgeEnsure: this.#async('bridgeEnsure', () => ({ index: 2, created: true })),
      vethAttach: this.#async('vethAttach', () => ({ hostIndex: 3 })),
      bridgePort: this.#async('bridgePort', nothing),
      sublinkAttach: this.#async('sublinkAttach', nothing),
      linkAdd: this.#async('linkAdd', nothing),
      defaultRoute: this.#async('defaultRoute', nothing),
      linkDelete: this.#async('linkDelete', nothing),
      nft: this.#async('nft', () => ''),
      conntrackDelete: this.#async('conntrackDelete', () => 0),
      nftMonitor: this.#sync('nftMonitor', open),
      legacyTable: this.#sync('legacyTable', nothing),
      dnsSockets: this.#async('dnsSockets', () => ({
        udpFd: open(),
        tcpFd: open(),
        udpPort: 40053,
        tcpPort: 40054,
      })),
      dnsSocketsOf: this.#async('dnsSocketsOf', nothing),
      dnsServe: this.#sync('dnsServe', nothing),
      dnsConfigure: this.#sync('dnsConfigure', nothing),
      dnsClose: this.#sync('dnsClose', nothing),
      dnsName: this.#sync('dnsName', nothing),
      dnsForget: this.#sync('dnsForget', nothing),
      bindPort: this.#sync('bindPort', open),
      socketPort: this.#sync('socketPort', () => 40000),
      logFrames: this.#async('logFrames', ({ position }: { position: number }) => ({
        frames: Buffer.alloc(0),
        position,
        pastUntil: false,
      })),
      unixDatagram: this.#sync('unixDatagram', open),
      sendDatagram: this.#sync('sendDatagram', () => true),
      seccompCompile: this.#async('seccompCompile', () => Buffer.from('bpf')),
      bpfDeviceAttach: this.#async('bpfDeviceAttach', nothing),
      oomEventFd: this.#sync('oomEventFd', open),
    }
  }
}

function fakeExtractor(): LayerExtractor {
  let bytes = 0
  return {
    feed: (chunk) => {
      bytes += chunk.length
      return Promise.resolve()
    },
    end: () =>
      Promise.resolve({
        entries: 0,
        bytes,
        metadata: Buffer.alloc(0),
        implicitDirs: [],
        openLinks: [],
      }),
    abort() {},
  }
}

function fakeRebuilder(): LayerRebuilder {
  return { read: () => Promise.resolve(undefined), close() {} }
}
