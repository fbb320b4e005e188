/** The ways of an archive into a real daemon: sends many hostile ones and looks at what came of each. */
import assert from 'node:assert/strict'
import { assertConsistent } from '../lib/consistency.ts'
import type { HostileTar, Verdict } from './corpus/hostile-tar.ts'
import type { Answer, HostileRig } from './hostile-daemon.ts'

interface Way {
  name: string
  send(rig: HostileRig, hostile: HostileTar): Promise<Answer>
  expected(hostile: HostileTar): Verdict
}

export const WAYS: readonly Way[] = [
  {
    name: 'import',
    async send(rig, { name, build }) {
      const answer = await rig.import(build(rig.at))
      await rig.removeImage('hostile:1')
      await rig.clean(name)
      return answer
    },
    expected: ({ layer }) => layer,
  },
  {
    name: 'pull',
    async send(rig, { name, build }) {
      const answer = await rig.pull(build(rig.at))
      await rig.removeImage(`${rig.registry.host}/hostile:1`)
      await rig.clean(name)
      return answer
    },
    expected: ({ layer, pull }) => pull ?? layer,
  },
  {
    name: 'load',
    async send(rig, { name, build }) {
      const answer = await rig.load(build(rig.at))
      await rig.removeImage('hostile:1')
      await rig.clean(name)
      return answer
    },
    expected: ({ layer, pull }) => pull ?? layer,
  },
  {
    name: 'PUT archive',
    send: (rig, { name, build }) => rig.put(build(rig.at), name),
    expected: ({ live, put }) => put ?? live,
  },
]

/** Sends all of them; every verdict that is not the expected one is told at the end. */
export async function sendAll(
  rig: HostileRig,
  way: Way,
  corpus: readonly HostileTar[],
): Promise<void> {
  const wrong: string[] = []
  for (const hostile of corpus) {
    const { verdict, text } = await way.send(rig, hostile)
    if (verdict !== way.expected(hostile)) wrong.push(`${hostile.name}: ${text.slice(-300)}`)
  }
  await rig.unharmed()
  await assertConsistent(rig.daemon)
  assert.deepEqual(wrong, [])
}
