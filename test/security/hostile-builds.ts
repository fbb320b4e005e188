/** Hostile archives as contexts of builds, and as archives that ADD unpacks. */
import { gzipSync } from 'node:zlib'
import { makeTar, tarEntry } from '../integration/kernel/tar-maker.ts'
import type { HostileTar } from './corpus/hostile-tar.ts'
import type { Answer, HostileRig } from './hostile-daemon.ts'

export interface BuildWay {
  name: string
  context(archive: Buffer): Buffer
}

const COPY = 'FROM busybox\nCOPY . /ctx/\nRUN true\n'
const ADD = 'FROM busybox\nADD hostile.tar /\nADD --chown=1:1 hostile.tar /added/\nRUN true\n'

export const BUILD_WAYS: readonly BuildWay[] = [
  { name: 'context', context: (archive) => withDockerfile(archive, COPY) },
  {
    name: 'ADD',
    context: (archive) =>
      makeTar({ name: 'Dockerfile', content: ADD }, { name: 'hostile.tar', content: archive }),
  },
]

/** In front of what the archive has: whatever that is, the Dockerfile is found. */
export function withDockerfile(archive: Buffer, content: string): Buffer {
  const entry = tarEntry({ name: 'Dockerfile', content })
  const isGzip = archive[0] === 0x1f && archive[1] === 0x8b
  const isOther = ['fd377a585a', '28b52ffd', '425a68'].some((magic) =>
    archive.toString('hex', 0, 5).startsWith(magic),
  )
  // Of these, two parts make no whole: it comes as it is, and has no Dockerfile.
  if (isOther) return archive
  return Buffer.concat([isGzip ? gzipSync(entry) : entry, archive])
}

/** Sends it; nothing of it may be found outside, nor stay when its image is gone. */
export async function sendBuild(
  rig: HostileRig,
  way: BuildWay,
  { name, build }: HostileTar,
): Promise<Answer> {
  const { api } = rig.daemon
  const answer = await rig.build(way.context(build(rig.at)))
  await rig.removeImage('hostile:1')
  await api.post('/build/prune?all=1')
  await rig.clean(`${way.name}: ${name}`)
  return answer
}
