/** Processes that are over before their clients have drawn breath: nothing they say may be lost. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { type Client, clients } from './clients.ts'

const RUNS = 60

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

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
  })
