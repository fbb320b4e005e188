/** The compiled CLI starts about as fast as the stock one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { type Client, docker, fromExecutable } from './clients.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start({ busybox: false })))
after(() => daemon[Symbol.asyncDispose]())

const rounds = 15

test(
  'version: at most twice the time of docker, median of 15',
  { skip: docker.skip ?? fromExecutable.skip },
  async (t) => {
    const times = new Map<Client, number[]>([
      [docker, []],
      [fromExecutable, []],
    ])
    // Interleaved, so that a busy moment of the machine meets both; the first round warms up.
    for (let round = 0; round <= rounds; round++)
      for (const [client, taken] of times) {
        const begin = performance.now()
        const result = await daemon.command(client.command[0], ['version'])
        if (round > 0) taken.push(performance.now() - begin)
        assert.equal(result.status, 0, result.stderr)
      }
    const stock = median(times.get(docker)!)
    const own = median(times.get(fromExecutable)!)
    t.diagnostic(`docker ${stock.toFixed(1)} ms, tdocker ${own.toFixed(1)} ms`)
    assert.ok(own <= 2 * stock, `docker ${stock} ms, tdocker ${own} ms`)
  },
)

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
