/** Hostile archives through builds: each second as a context, the others by ADD; the long tier has all. */
import { after, before, test } from 'node:test'
import { assertConsistent } from '../lib/consistency.ts'
import { corpus } from './corpus/corpus.ts'
import { BUILD_WAYS, sendBuild } from './hostile-builds.ts'
import { HostileRig } from './hostile-daemon.ts'

let rig: HostileRig
before(async () => (rig = await HostileRig.start()))
after(() => rig[Symbol.asyncDispose]())

for (const [at, way] of BUILD_WAYS.entries())
  test(`${way.name}: each fourth`, async () => {
    for (const hostile of corpus.filter((_, index) => index % 4 === at * 2))
      await sendBuild(rig, way, hostile)
    await rig.unharmed()
    await assertConsistent(rig.daemon)
  })
