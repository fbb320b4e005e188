/** An image's root file system as one tar: outputs of type `local` and `tar`. */
import type { Native } from '@tdocker/kernel/native.ts'
import type { TarSource } from '../../backend-types.ts'
import { bytesSource } from '../../image/save/bytes-source.ts'
import { TAR_END, rewriteTar } from '../copy/rewrite-tar.ts'

/** `epoch`: the time of all files, as BuildKit has it. `done` is called once, told whether all was read. */
export async function treeArchive(
  native: Native,
  o: {
    lowers: readonly string[]
    epoch: number | undefined
    signal: AbortSignal
    done: (whole: boolean) => void
  },
): Promise<TarSource> {
  const fd = await native.overlayOpen({ lowers: o.lowers })
  let whole = false
  const bytes = async function* (): AsyncGenerator<Buffer> {
    const packer = native.tarPacker({ fd })
    try {
      const parts = read(packer, o.signal)
      const { epoch } = o
      if (epoch === undefined) yield* parts
      else {
        yield* rewriteTar(parts, (entry) => ({ ...entry, mtime: String(epoch) }))
        yield Buffer.from(TAR_END)
      }
      whole = true
    } finally {
      await packer.close()
    }
  }
  const done = (): void => {
    native.closeFd(fd)
    o.done(whole)
  }
  return bytesSource({ native, bytes: bytes(), done })
}

async function* read(
  packer: { read(): Promise<Buffer | undefined> },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let part = await packer.read(); part; part = await packer.read()) {
    signal.throwIfAborted()
    yield part
  }
}
