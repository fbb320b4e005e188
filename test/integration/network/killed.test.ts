import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { EndpointSettings, Network } from '@tdocker/api'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

/** `kill -9` while networks and endpoints come and go: afterwards each is there or it is not. */

let daemon: TestDaemon

before(async () => {
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const names = (...args: string[]): string[] =>
  execFileSync('ip', ['-o', 'link', ...args], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(/[:@ ]+/)[1] ?? '')

async function endpoints(): Promise<{ pid: number; shown: Record<string, EndpointSettings> }> {
  const { body } = await daemon.api.get<{
    State: { Pid: number }
    NetworkSettings: { Networks: Record<string, EndpointSettings> }
  }>('/containers/box/json')
  return { pid: body.State.Pid, shown: body.NetworkSettings.Networks }
}

/** Devices of the host and of the container are those that the API tells of. */
async function assertExact(): Promise<void> {
  const { body } = await daemon.api.get<Network[]>('/networks')
  const wanted = body
    .filter(({ Driver }) => Driver === 'bridge')
    .map(({ Name, Id }) => (Name === 'bridge' ? daemon.bridge : `br-${Id.slice(0, 12)}`))
  const { pid, shown } = await endpoints()
  const inside = execFileSync(
    'nsenter',
    [`--net=/proc/${pid}/ns/net`, 'ip', '-o', '-4', 'address'],
    {
      encoding: 'utf8',
    },
  )
  await until('devices are those of the networks', async () => {
    const veths = names('show', 'type', 'veth')
    return (
      JSON.stringify(names('show', 'type', 'bridge').sort()) === JSON.stringify(wanted.sort()) &&
      veths.length === Object.keys(shown).length
    )
  })
  const addresses = [...inside.matchAll(/eth\d+\s+inet ([\d.]+)/g)].map(([, address]) => address)
  const told = Object.values(shown).map(({ IPAddress }) => IPAddress)
  assert.equal(addresses.length, told.length)
  assert.deepEqual(new Set(addresses), new Set(told))
}

test('a daemon killed among creates, connects, disconnects and removals', async () => {
  await daemon.run({ Cmd: ['sleep', '1000'] }, 'box')
  await daemon.api.post('/networks/create', { Name: 'first' })
  await daemon.api.post('/networks/first/connect', { Container: 'box' })
  await assertExact()
  for (let round = 0; round < 6; round++) {
    const work = Array.from({ length: 5 }, async (_, i) => {
      const name = `r${round}-${i}`
      await daemon.api.post('/networks/create', { Name: name })
      await daemon.api.post(`/networks/${name}/connect`, { Container: 'box' })
      if (i % 2 === 0) return
      await daemon.api.post(`/networks/${name}/disconnect`, { Container: 'box' })
      await daemon.api.delete(`/networks/${name}`)
    })
    const settled = Promise.allSettled(work)
    await delay(10 + round * 25)
    await daemon.crash()
    await settled
    await daemon.boot()
    await assertExact()
  }
  // What is there works: it can be left and removed.
  for (const network of Object.keys((await endpoints()).shown)) {
    const left = await daemon.api.post(`/networks/${network}/disconnect`, { Container: 'box' })
    assert.equal(left.status, 200, JSON.stringify(left.body))
  }
  const { body } = await daemon.api.post<{ NetworksDeleted: string[] }>('/networks/prune')
  assert.ok(body.NetworksDeleted.includes('first'))
  await assertExact()
})
