/** Hostile archives through builds, each by every way. */
import { after, before, test } from 'node:test'
import { assertConsistent } from '../lib/consistency.ts'
import { corpus } from './corpus/corpus.ts'
import { BUILD_WAYS, sendBuild } from './hostile-builds.ts'
import { HostileRig } from './hostile-daemon.ts'

let rig: HostileRig
before(async () => (rig = await HostileRig.start()))
after(() => rig[Symbol.asyncDispose]())

for (const way of BUILD_WAYS)
  test(`${way.name}: ${corpus.length} archives`, async () => {
    for (const hostile of corpus) await sendBuild(rig, way, hostile)
    await rig.unharmed()
    await assertConsistent(rig.daemon)
  })
