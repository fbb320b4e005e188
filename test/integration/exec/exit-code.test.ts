import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

test('the exit code is known to whoever saw the end of the stream', async () => {
  const container = await daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none' },
  })
  const codes: Array<number | null> = []
  // Several at a time: the more arrives in one turn of the loop, the more can be out of order.
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      const { body } = await daemon.api.post<{ Id: string }>(`/containers/${container}/exec`, {
        Cmd: ['sh', '-c', 'exit 7'],
        AttachStdout: true,
      })
      const { socket } = await daemon.api.upgrade(`/exec/${body.Id}/start`, {})
      await new Promise<void>((resolve) => socket.on('end', resolve).resume())
      socket.end()
      const inspect = await daemon.api.get<{ ExitCode: number | null }>(`/exec/${body.Id}/json`)
      codes.push(inspect.body.ExitCode)
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  assert.deepEqual(
    codes.filter((code) => code !== 7),
    [],
  )
})
