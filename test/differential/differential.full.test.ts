/**
 * The same calls to a real dockerd and to tdockerd: every answer and every event is compared, after
 * what differs by nature (ids, times, addresses) is replaced by words. What still differs is a row of
 * `explained.ts`, with its reason, or a bug.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { rmSync } from 'node:fs'
import { busyboxTar } from '../lib/busybox.ts'
import { type DockerDaemon, startDockerd } from '../lib/dockerd.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import type { Group } from './call.ts'
import { creation, plugins } from './calls/create.ts'
import { lifecycle } from './calls/lifecycle.ts'
import { reads } from './calls/reads.ts'
import { objects, verbs } from './calls/verbs.ts'
import { Normaliser } from './compare.ts'
import { explained } from './explained.ts'
import { type Finding, type Peer, runGroup } from './run.ts'

const only = new RegExp(process.env['TDOCKER_DIFFERENTIAL_ONLY'] ?? '')
const groups: readonly Group[] = [
  ...lifecycle,
  ...creation,
  ...verbs,
  ...objects,
  ...reads,
  ...plugins,
].filter(({ name }) => only.test(name))

const id = `tp${randomBytes(3).toString('hex')}`
const directory = `/dev/shm/${id}`
let dockerd: DockerDaemon
let tdockerd: TestDaemon
let docker: Peer
let ours: Peer
let version: string
const used = new Set<number>()
const apart = new Map<string, Promise<Finding[]>>()

/** At the first of them all of them begin. */
function foundApart(group: Group): Promise<Finding[]> {
  if (apart.size === 0)
    for (const each of groups)
      if (each.apart) apart.set(each.name, runGroup(docker, ours, each, version))
  return apart.get(group.name)!
}

before(async () => {
  dockerd = await startDockerd(id, directory)
  tdockerd = await TestDaemon.start()
  const query = 'fromSrc=-&repo=busybox&tag=latest&changes=CMD%20%5B%22sh%22%5D'
  await dockerd.api.request('POST', `/images/create?${query}`, busyboxTar(), {
    'Content-Type': 'application/x-tar',
  })
  docker = {
    name: 'dockerd',
    api: dockerd.api,
    normaliser: new Normaliser([
      [`${directory}/data`, '<data>'],
      [`${directory}/run`, '<run>'],
      [`/${id}`, '<parent>'],
    ]),
  }
  ours = {
    name: 'tdockerd',
    api: tdockerd.api,
    normaliser: new Normaliser([
      [tdockerd.dataRoot, '<data>'],
      [tdockerd.execRoot, '<run>'],
      [`/${tdockerd.id}`, '<parent>'],
      [tdockerd.bridge, 'docker0'],
    ]),
  }
  const { body } = await dockerd.api.get<{ ApiVersion: string }>('/version')
  version = body.ApiVersion
})

after(async () => {
  await dockerd?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
  await tdockerd?.[Symbol.asyncDispose]()
})

for (const group of groups) {
  test(group.name, async () => {
    const findings = await (group.apart
      ? foundApart(group)
      : runGroup(docker, ours, group, version))
    const unexplained = findings.filter(({ call, where }) => {
      const known = explained.findIndex(
        (row) => row.call.test(`${group.name} / ${call}`) && row.where.test(where),
      )
      if (known >= 0) used.add(known)
      return known < 0
    })
    const told = unexplained.map(
      ({ call, where, docker: left, ours: right }) =>
        `${call}: ${where}\n    docker ${left}\n    ours   ${right}`,
    )
    if (told.length > 0) console.log(`## ${group.name}\n${told.join('\n')}`)
    assert.equal(told.length, 0, 'differences, told above')
  })
}

test('every explanation explains something', () => {
  const idle = explained.filter((_, index) => !used.has(index))
  assert.deepEqual(
    idle.map(({ call, where, why }) => `${call} ${where}: ${why}`),
    [],
  )
})
