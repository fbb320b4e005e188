/** Every hostile archive by every way into a real daemon. */
import { after, before, test } from 'node:test'
import { corpus } from './corpus/corpus.ts'
import { HostileRig } from './hostile-daemon.ts'
import { WAYS, sendAll } from './hostile-ways.ts'

let rig: HostileRig
before(async () => (rig = await HostileRig.start()))
after(() => rig[Symbol.asyncDispose]())

for (const way of WAYS)
  test(`${way.name}: ${corpus.length} archives`, () => sendAll(rig, way, corpus))
