import './private-netns.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { native, Rig, sandboxRequest } from './fixture.ts'

/** Must hold: 200 networks and 1,000 endpoints; restart reconciles in less than two seconds. */

const NETWORKS = 200
const EACH = 5

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

test('two hundred networks and a thousand endpoints', async (t) => {
  await using rig = await Rig.start()
  const before = process.memoryUsage().rss
  const makes: number[] = []
  for (let i = 0; i < NETWORKS; i++) {
    const start = performance.now()
    await rig.networks.maker.create({ Name: `n${i}` })
    makes.push(performance.now() - start)
  }
  const opens: number[] = []
  const alive = new Map<string, { pid: number }>()
  const fds: number[] = []
  for (let i = 0; i < NETWORKS * EACH; i++) {
    const name = `c${i}`
    const start = performance.now()
    const sandbox = await rig.networks.open(sandboxRequest(name, { mode: `n${i % NETWORKS}` }))
    opens.push(performance.now() - start)
    if (sandbox.netnsFd !== undefined) fds.push(sandbox.netnsFd)
    alive.set(name, { pid: process.pid })
  }
  const grown = (process.memoryUsage().rss - before) / 2 ** 20
  const delays: number[] = []
  const start = performance.now()
  let last = start
  const timer = setInterval(() => {
    delays.push(performance.now() - last)
    last = performance.now()
  }, 1)
  await rig.reopen(alive)
  clearInterval(timer)
  const restart = performance.now() - start
  t.diagnostic(
    JSON.stringify({
      makeFirst: Math.round(median(makes.slice(0, 20)) * 10) / 10,
      makeLast: Math.round(median(makes.slice(-20)) * 10) / 10,
      openFirst: Math.round(median(opens.slice(0, 50)) * 10) / 10,
      openLast: Math.round(median(opens.slice(-50)) * 10) / 10,
      restartMs: Math.round(restart),
      longestDelayMs: Math.round(Math.max(...delays)),
      grownMiB: Math.round(grown),
    }),
  )
  const links = await native.linkList({})
  assert.equal(links.filter(({ kind }) => kind === 'veth').length, NETWORKS * EACH)
  assert.ok(restart < 2000, `restart took ${restart} ms`)
  for (const fd of fds) native.closeFd(fd)
  for (const name of alive.keys()) await rig.networks.release(name)
})
