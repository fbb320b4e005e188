import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { nativeChecks, type NativeChecks } from './native-checks.ts'
import {
  type ChunkSender,
  type Decompressor,
  KernelError,
  type LayerExtractor,
  type LayerRebuilder,
  type Native,
  type SocketBody,
  type TarPacker,
  type TarUnpacker,
} from './native.ts'

const ADDON = 'kernel.node'
const SHIM = 'tdocker-shim'
/** From `packages/daemon/dist` up to the repository's root, and one to spare. */
const MAX_ASCENT = 4

/** These throw; all others answer a promise, and reject it even for a wrong argument. */
const synchronous: ReadonlySet<string> = new Set<keyof Native>([
  'waitReadable',
  'pidfdOpen',
  'pidfdSendSignal',
  'pidfdGetFd',
  'closeFd',
  'dupFd',
  'unreadByPeer',
  'socketPair',
  'pipe',
  'readFd',
  'openRoot',
  'layerExtractor',
  'layerRebuilder',
  'tarPacker',
  'tarUnpacker',
  'socketBody',
  'chunkSender',
  'decompressor',
  'nsOpen',
  'nftMonitor',
  'legacyTable',
  'bindPort',
  'socketPort',
  'oomEventFd',
  'unixDatagram',
  'sendDatagram',
  'dnsServe',
  'dnsConfigure',
  'dnsClose',
  'dnsName',
  'dnsForget',
])

let loaded: Native | undefined

/**
 * Loads `kernel.node` (once) and puts argument checks and KernelError around it.
 * Throws when the addon has not been built.
 */
export function loadNative(): Native {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url)
    const raw = require(findBuilt(ADDON)) as Native & { beginExit(): void }
    process.once('exit', () => raw.beginExit())
    loaded = wrapNative(raw)
  }
  return loaded
}

/** Absolute path of the shim's executable. Throws when it has not been built. */
export function shimPath(): string {
  return findBuilt(SHIM)
}

/**
 * Where a built file is: beside this file (installed bundle), else in `build/Release` of one of the
 * directories above (checkout, bundle inside a checkout).
 */
export function findBuilt(name: string, from: string = import.meta.dirname): string {
  const tried = [join(from, name)]
  let dir = from
  for (let level = 0; level <= MAX_ASCENT; level++) {
    tried.push(join(dir, 'build', 'Release', name))
    dir = dirname(dir)
  }
  const found = tried.find((path) => existsSync(path))
  if (found === undefined) {
    throw new Error(`${name} has not been built; looked for ${tried.join(', ')}`)
  }
  return found
}

/** The checked face of a raw addon. Exported for tests. */
export function wrapNative(raw: Native, checks: NativeChecks = nativeChecks): Native {
  const wrapped: Record<string, unknown> = {}
  for (const name of Object.keys(checks) as (keyof Native)[]) {
    const check = checks[name] as (...args: unknown[]) => void
    const call = (...args: unknown[]): unknown => {
      const native = raw[name] as ((...args: unknown[]) => unknown) | undefined
      if (native === undefined) throw new KernelError('ENOSYS', 38, name)
      return native(...args)
    }
    wrapped[name] = synchronous.has(name) ? guardSync(check, call) : guardAsync(check, call)
  }
  const native = wrapped as unknown as Native
  const { layerExtractor, layerRebuilder, tarPacker, tarUnpacker, socketBody } = native
  const { chunkSender, decompressor } = native
  native.layerExtractor = (o) => guardExtractor(layerExtractor(o))
  native.layerRebuilder = (o) => guardRebuilder(layerRebuilder(o))
  native.tarPacker = (o) => guardPacker(tarPacker(o))
  native.tarUnpacker = (o) => guardUnpacker(tarUnpacker(o))
  native.socketBody = (o) => guardBody(socketBody(o))
  native.chunkSender = (o) => guardSender(chunkSender(o))
  native.decompressor = (format) => guardDecompressor(decompressor(format))
  return native
}

type Call = (...args: unknown[]) => unknown

function guardSync(check: Call, call: Call): Call {
  return (...args) => {
    check(...args)
    try {
      return call(...args)
    } catch (error) {
      throw toKernelError(error)
    }
  }
}

function guardAsync(check: Call, call: Call): Call {
  return async (...args) => {
    check(...args)
    try {
      return await call(...args)
    } catch (error) {
      throw toKernelError(error)
    }
  }
}

function guardExtractor(raw: LayerExtractor): LayerExtractor {
  let busy = false
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (busy) throw new Error('the extractor is still at work on the last chunk')
    busy = true
    try {
      return await work()
    } catch (error) {
      throw toKernelError(error)
    } finally {
      busy = false
    }
  }
  return {
    feed: (chunk) => {
      if (!(chunk instanceof Uint8Array)) {
        return Promise.reject(new TypeError('chunk must be a Uint8Array'))
      }
      return alone(() => raw.feed(chunk))
    },
    end: () => alone(() => raw.end()),
    abort: () => raw.abort(),
  }
}

function guardRebuilder(raw: LayerRebuilder): LayerRebuilder {
  const read = guardAsync(
    () => {},
    () => raw.read(),
  ) as LayerRebuilder['read']
  return { read, close: () => raw.close() }
}

function guardPacker(raw: TarPacker): TarPacker {
  const read = guardAsync(
    () => {},
    () => raw.read(),
  ) as TarPacker['read']
  const readInto = guardAsync(
    () => {},
    (memory) => raw.readInto(memory as Uint8Array),
  ) as TarPacker['readInto']
  const send = guardAsync(
    () => {},
    (fd) => raw.send(fd as number),
  ) as TarPacker['send']
  return { read, readInto, send, close: () => raw.close() }
}

function guardSender(raw: ChunkSender): ChunkSender {
  const send = guardAsync(
    (chunk) => {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('chunk must be a Uint8Array')
    },
    (chunk) => raw.send(chunk as Uint8Array),
  ) as ChunkSender['send']
  const resume = guardAsync(
    () => {},
    () => raw.resume(),
  ) as ChunkSender['resume']
  return { send, resume, close: () => raw.close() }
}

function guardDecompressor(raw: Decompressor): Decompressor {
  const pull = guardAsync(
    () => {},
    () => raw.pull(),
  ) as Decompressor['pull']
  return { push: (chunk) => raw.push(chunk), pull, whole: () => raw.whole() }
}

const BODY_PART = 1024 * 1024

/** C++ knows a body by its handle. */
const handles = new WeakMap<SocketBody, SocketBody>()

function guardBody(raw: SocketBody): SocketBody {
  const read = guardAsync(
    () => {},
    () => raw.read(),
  ) as SocketBody['read']
  const readInto = guardAsync(
    (memory) => {
      if (!(memory instanceof Uint8Array) || memory.length < BODY_PART)
        throw new TypeError('memory must be a Uint8Array of at least 1 MiB')
    },
    (memory) => raw.readInto(memory as Uint8Array),
  ) as SocketBody['readInto']
  const body = { read, readInto, close: () => raw.close() }
  handles.set(body, (raw as SocketBody & { handle: SocketBody }).handle)
  return body
}

function guardUnpacker(raw: TarUnpacker): TarUnpacker {
  const none = (): void => {}
  return {
    feed: guardAsync(
      (chunk) => {
        if (!(chunk instanceof Uint8Array)) throw new TypeError('chunk must be a Uint8Array')
      },
      (chunk) => raw.feed(chunk as Uint8Array),
    ) as TarUnpacker['feed'],
    feedFrom: guardAsync(
      (body) => {
        if (!handles.has(body as SocketBody)) throw new TypeError('body must be a SocketBody')
      },
      (body) => raw.feedFrom(handles.get(body as SocketBody) as SocketBody),
    ) as TarUnpacker['feedFrom'],
    end: guardAsync(none, () => raw.end()) as TarUnpacker['end'],
    abort: () => raw.abort(),
  }
}

function toKernelError(error: unknown): unknown {
  if (error instanceof KernelError || !(error instanceof Error)) return error
  const { code, errno, syscall, path } = error as NodeJS.ErrnoException
  if (code === undefined || errno === undefined || syscall === undefined) return error
  return new KernelError(code, errno, syscall, path && shorten(path))
}

/** Names of archives are as long as those like them to be; nobody reads more. */
const MAX_PATH = 500

function shorten(path: string): string {
  return path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path
}
