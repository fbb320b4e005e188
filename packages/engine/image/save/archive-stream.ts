import { BLOCK, padding, tarHeader } from './tar-header.ts'
import type { SavedMember } from './save-archive.ts'

/** Small members are sent together. */
const BATCH = 256 * 1024

/** The archive's bytes; `beforeEnd` is awaited when only the end mark is missing. */
export async function* archiveBytes(
  members: readonly SavedMember[],
  beforeEnd: () => Promise<void>,
): AsyncGenerator<Buffer> {
  let small: Buffer[] = []
  let size = 0
  const gather = (bytes: Buffer): void => {
    small.push(bytes)
    size += bytes.length
  }
  const take = (): Buffer => {
    const batch = Buffer.concat(small, size)
    small = []
    size = 0
    return batch
  }
  for (const member of members) {
    gather(tarHeader(member))
    if (Buffer.isBuffer(member.body)) {
      gather(member.body)
    } else if (member.body) {
      yield take()
      yield* member.body.pieces()
    }
    gather(padding(member.size))
    if (size >= BATCH) yield take()
  }
  await beforeEnd()
  gather(Buffer.alloc(2 * BLOCK))
  yield take()
}
