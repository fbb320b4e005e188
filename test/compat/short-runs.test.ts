/** Ends: of processes over before their clients have drawn breath, of outputs larger than a pipe. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { type Client, clients, runLines } from './clients.ts'

const RUNS = 60

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

/** Size of what the first client exported. */
let stock: string | undefined

/** Several at a time; answers what was not as it should be. */
async function repeat(client: Client, args: readonly string[]): Promise<string[]> {
  const [program, ...leading] = client.command
  const wrong: string[] = []
  const worker = async (): Promise<void> => {
    for (let i = 0; i < RUNS / 3; i++) {
      const { status, stdout, stderr } = await daemon.command(program, [...leading, ...args])
      if (status !== 0 || stdout !== 'hi\n') wrong.push(`${status} ${stdout} ${stderr}`)
    }
  }
  await Promise.all([worker(), worker(), worker()])
  return wrong
}

for (const client of clients)
  describe(client.name, { skip: client.skip }, () => {
    test('run --rm', async () => {
      const args = ['run', '--rm', '--network', 'none', 'busybox', 'echo', 'hi']
      assert.deepEqual(await repeat(client, args), [])
    })

    test('exec', async () => {
      const id = await daemon.run({
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'none' },
      })
      assert.deepEqual(await repeat(client, ['exec', id, 'echo', 'hi']), [])
    })

    test('a large output reaches a slow reader whole', async () => {
      const id = await daemon.run({ Cmd: ['true'], HostConfig: { NetworkMode: 'none' } })
      await daemon.wait(id)
      const lines = `set -e; for i in 1 2 3 4 5 6; do
        docker export ${id} | tee /dev/null | (cat; sleep 0.05) | wc -c; done`
      const { stdout, stderr } = await runLines(daemon, client, lines)
      const sizes = stdout.trim().split('\n')
      assert.equal(sizes.length, 6, stderr)
      assert.equal(new Set(sizes).size, 1, stdout)
      assert.equal(Number(sizes[0]) % 512, 0)
      stock ??= sizes[0]
      assert.equal(sizes[0]!.length, stock!.length)
    })
  })
