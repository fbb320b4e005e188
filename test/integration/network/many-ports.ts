import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { native, nft, Rig, sandboxRequest } from './fixture.ts'
import { assertOpen, host, Namespace } from './namespace.ts'

const FIRST = 20_000

export interface PortFigures {
  /** Of each port beyond the first. */
  eachMs: number
  grownMiB: number
  restartMs: number
}

/** What stays when the garbage of a burst is gone, as it is after some idle seconds. */
function keptMiB(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (o: object) => void
  for (let i = 0; i < 2; i++) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  return process.memoryUsage().rss / 2 ** 20
}

/** Publishes a range of ports of one container, restarts, and lets it go: nothing may be left. */
export async function publishMany(t: TestContext, count: number): Promise<PortFigures> {
  await using rig = await Rig.start()
  const bindings = (from: number, many: number) => ({
    portBindings: Object.fromEntries(
      Array.from({ length: many }, (_, i) => [`${from + i}/tcp`, [{ HostPort: String(from + i) }]]),
    ),
  })
  const first = performance.now()
  const one = await rig.networks.open(sandboxRequest('one', bindings(FIRST - 1, 1)))
  const alone = performance.now() - first
  const before = keptMiB()
  const start = performance.now()
  const request = sandboxRequest('many', bindings(FIRST, count))
  const many = await rig.networks.open(request)
  const eachMs = (performance.now() - start - alone) / count
  const grownMiB = keptMiB() - before
  assert.equal(Object.keys(many.ports).length, count)

  const server = new Namespace('many', many.netnsFd ?? -1)
  await server.ready
  await server.serve('tcp', FIRST + count - 1)
  const again = performance.now()
  await rig.reopen(new Map(['one', 'many'].map((name) => [name, { pid: server.pid }])))
  const restartMs = performance.now() - again
  await assertOpen(host, { address: '127.0.0.1', port: FIRST + count - 1 }, 'many')

  await rig.networks.release('many')
  await rig.networks.release('one')
  await rig.networks.settle()
  assert.doesNotMatch(nft('list', 'map', 'inet', 'tdnet', 'ports'), /elements/)
  await server.close()
  for (const { netnsFd, heldPorts } of [one, many]) {
    if (netnsFd !== undefined) native.closeFd(netnsFd)
    for (const { fd } of heldPorts) native.closeFd(fd)
  }
  const figures = { eachMs, grownMiB, restartMs }
  t.diagnostic(JSON.stringify(figures))
  return figures
}
