/**
 * The cases of the language corpus, built by a real dockerd and by us: images have the same config,
 * history and files, and builds say the same. What differs is a row below, with its reason.
 *
 * Debian's 20.10, or dockerd 29 where `TDOCKER_PEER` names its directory, builds the cases that the
 * classic builder knows; dockerd 29 all of them, with BuildKit, whose history and words are others'.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { cases as all, shared } from '../integration/build/corpus/cases/all.ts'
import type { Case } from '../integration/build/corpus/case.ts'
import {
  type Outcome,
  isSomething,
  loadBase,
  runCase,
} from '../integration/build/corpus/run-case.ts'
import { type DockerDaemon, startDockerd } from '../lib/dockerd.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { type BuildDifference, differences, explainedBuilds } from './builds-explained.ts'

const id = `tb${randomBytes(3).toString('hex')}`
const directory = `/dev/shm/${id}`
const isNew = process.env['TDOCKER_PEER'] !== undefined
let dockerd: DockerDaemon
let ours: TestDaemon
const used = new Set<number>()
const outcomes = new Map<string, Promise<Outcome>>()

before(async () => {
  dockerd = await startDockerd(id, directory)
  ours = await TestDaemon.start()
  await Promise.all([loadBase(dockerd.api), loadBase(ours.api)])
})

after(async () => {
  await dockerd?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
  await ours?.[Symbol.asyncDispose]()
})

function ourOutcome(one: Case): Promise<Outcome> {
  const outcome = outcomes.get(one.name) ?? runCase(ours.api, one)
  outcomes.set(one.name, outcome)
  return outcome
}

async function compare(one: Case, builder: 'classic' | 'buildkit'): Promise<void> {
  const theirs = await runCase(dockerd.api, one, builder === 'classic' ? '1' : '2')
  const found = differences(theirs, await ourOutcome(one), builder)
  const unexplained = found.filter((difference) => !isExplained(one, builder, difference))
  const told = unexplained.map(
    ({ where, docker, ours: mine }) => `${where}\n    docker ${docker}\n    ours   ${mine}`,
  )
  assert.deepEqual(told, [])
}

function isExplained(
  one: Case,
  builder: string,
  { where, docker, ours: mine }: BuildDifference,
): boolean {
  const at = explainedBuilds.findIndex(
    (row) =>
      row.build.test(`${builder} ${one.name}`) &&
      row.where.test(where) &&
      (row.told?.test(`${docker} | ${mine}`) ?? true),
  )
  if (at >= 0) used.add(at)
  return at >= 0
}

for (const one of all.filter(({ classic }) => classic))
  test(`classic: ${one.name}`, () => compare(one, 'classic'))

if (isNew) for (const one of shared) test(`BuildKit: ${one.name}`, () => compare(one, 'buildkit'))

test('every explanation explains something', () => {
  const idle = explainedBuilds.filter(
    ({ peer }, at) => !used.has(at) && (peer === undefined || (peer === 'new') === isNew),
  )
  assert.deepEqual(
    idle.map(({ build, where, why }) => `${build} ${where}: ${why}`),
    [],
  )
  assert.ok(isSomething(used.size))
})
