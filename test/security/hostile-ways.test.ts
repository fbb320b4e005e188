/** Every hostile archive by one of the ways into a real daemon; the long tier sends each by all. */
import { after, before, test } from 'node:test'
import { corpus } from './corpus/corpus.ts'
import { HostileRig } from './hostile-daemon.ts'
import { WAYS, sendAll } from './hostile-ways.ts'

let rig: HostileRig
before(async () => (rig = await HostileRig.start()))
after(() => rig[Symbol.asyncDispose]())

for (const [at, way] of WAYS.entries())
  test(`${way.name}: each ${WAYS.length}th`, () => {
    const share = corpus.filter((_, index) => index % WAYS.length === at)
    return sendAll(rig, way, share)
  })
