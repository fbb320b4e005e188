/**
 * The same calls to a real dockerd and to tdockerd: every answer and every event is compared, after
 * what differs by nature (ids, times, addresses) is replaced by words. What still differs is a row of
 * `explained.ts`, with its reason, or a bug.
 *
 * `TDOCKER_PEER` names a directory with dockerd 29's programs. Without it Debian's 20.10 is asked,
 * of which only how requests end is compared, and only where that is the same since.
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
import { images } from './calls/images.ts'
import { lifecycle } from './calls/lifecycle.ts'
import { networks } from './calls/networks.ts'
import { old } from './calls/old.ts'
import { queries } from './calls/queries.ts'
import { reads } from './calls/reads.ts'
import { objects, verbs } from './calls/verbs.ts'
import { volumes } from './calls/volumes.ts'
import { Normaliser } from './compare.ts'
import { type Explanation, explained, sinceOld } from './explained.ts'
import { type Finding, type Peer, runGroup } from './run.ts'

/** Some groups, by a regular expression: for whoever looks into one difference. */
const only = new RegExp(process.env['TDOCKER_DIFFERENTIAL_ONLY'] ?? '')
const groups: readonly Group[] = [
  ...lifecycle,
  ...creation,
  ...verbs,
  ...objects,
  ...volumes,
  ...networks,
  ...images,
  ...reads,
  ...queries,
  ...old,
  ...plugins,
].filter(({ name }) => only.test(name))

const id = `tp${randomBytes(3).toString('hex')}`
const directory = `/dev/shm/${id}`
let dockerd: DockerDaemon
let tdockerd: TestDaemon
let docker: Peer
let ours: Peer
let version: string
let peer: string
let isOld: boolean
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
  const { body } = await dockerd.api.get<{ ApiVersion: string; Version: string }>('/version')
  version = body.ApiVersion
  peer = body.Version
  isOld = sinceOld.peer.test(peer)
})

after(async () => {
  await dockerd?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
  await tdockerd?.[Symbol.asyncDispose]()
})

for (const group of groups) {
  test(group.name, async (t) => {
    if (isOld && !sinceOld.groups.test(group.name)) return t.skip(`not as in ${peer}`)
    const findings = await (group.apart
      ? foundApart(group)
      : runGroup(docker, ours, group, version))
    const unexplained = findings.filter(({ call, where }) => {
      if (isOld && !sinceOld.where.test(where)) return false
      const place = `${group.name} / ${call}`
      const known = explained.findIndex(
        (row) => isOf(row, peer) && row.call.test(place) && row.where.test(where),
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

function isOf(row: Explanation, version: string): boolean {
  return row.peer === undefined || row.peer.test(version)
}

test('every explanation explains something', () => {
  const idle = explained.filter(
    (row, index) => !used.has(index) && isOf(row, peer) && isOld === (row.peer !== undefined),
  )
  assert.deepEqual(
    idle.map(({ call, where, why }) => `${call} ${where}: ${why}`),
    [],
  )
})
