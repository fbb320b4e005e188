import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { TarPacker } from '@tdocker/kernel/native.ts'
import type { TarSource } from '../../backend-types.ts'

/** A slow client is asked again after so long; each time costs a thread. */
const SLOW_CLIENT_MS = { first: 10, longest: 250 }

/** `done` is called once, when nothing of the tree is used any more; `whole`: all went out. */
export function tarSource(packer: TarPacker, done: (whole: boolean) => void): TarSource {
  const finish = async (whole: boolean): Promise<void> => {
    await packer.close()
    done(whole)
  }
  return {
    stream: () => tarStream(packer, finish),
    sendTo: async (fd) => {
      let whole = false
      try {
        whole = await send(packer, fd)
      } finally {
        await finish(whole)
      }
    },
    close: () => finish(false),
  }
}

async function send(packer: TarPacker, fd: number): Promise<true> {
  let waitMs = SLOW_CLIENT_MS.first
  for (;;) {
    const progress = await packer.send(fd)
    if (progress === 'done') return true
    if (progress === 'stalled') waitMs = Math.min(waitMs * 2, SLOW_CLIENT_MS.longest)
    else waitMs = SLOW_CLIENT_MS.first
    if (progress !== 'more') await delay(waitMs)
  }
}

/** One part is read ahead of the client, so memory stays at a few MiB. */
export function tarStream(packer: TarPacker, finish: (whole: boolean) => Promise<void>): Readable {
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
      finish(whole).then(
        () => callback(error),
        (failure: Error) => callback(error ?? failure),
      )
    },
  })
}
