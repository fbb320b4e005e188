import { Readable } from 'node:stream'
import type { TarPacker } from '@tdocker/kernel/native.ts'

/**
 * A packer as a stream: one part is read ahead of the client, so memory stays at a few MiB. `done` is
 * called once, when nothing of the tree is used any more; `whole` tells whether all was read.
 */
export function tarStream(packer: TarPacker, done: (whole: boolean) => void): Readable {
  let ahead: Promise<Buffer | undefined> | undefined
  let whole = false
  const readAhead = (): Promise<Buffer | undefined> => {
    const part = packer.read()
    // It may fail before anybody asks for it.
    part.catch(() => {})
    return part
  }
  return new Readable({
    highWaterMark: 1,
    async read() {
      try {
        const part = await (ahead ?? readAhead())
        if (part === undefined) {
          whole = true
          this.push(null)
          return
        }
        ahead = readAhead()
        this.push(part)
      } catch (error) {
        this.destroy(error as Error)
      }
    },
    destroy(error, callback) {
      packer
        .close()
        .catch(() => {})
        .then(() => done(whole))
        .then(
          () => callback(error),
          () => callback(error),
        )
    },
  })
}
