/** `-it` on a real terminal, by the stock docker CLI and by tdocker. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Terminal } from '../lib/terminal.ts'
import { TestDaemon, hasProgram } from '../lib/test-daemon.ts'
import { type Client, clients, docker, removeContainers } from './clients.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const open = (client: Client, ...args: string[]): Terminal =>
  new Terminal(daemon, [...client.command, ...args])

const skip = hasProgram('python3') ? undefined : 'python3 makes the terminals'

for (const client of clients)
  describe(client.name, { skip: client.skip ?? skip }, () => {
    test('run -it: prompt, size, resize, Ctrl-C, exit code', async () => {
      const terminal = open(client, 'run', '--rm', '-it', 'busybox', 'sh')
      await terminal.sees(/# /)
      terminal.type('tty; stty size\n')
      await terminal.sees(/\/dev\/pts\/0\r\n31 97\r\n/)
      await terminal.sees(/# /)
      terminal.resize(40, 120)
      terminal.type(
        'until [ "$(stty size)" = "40 120" ]; do sleep 0.02; done; echo size is right\n',
      )
      await terminal.sees(/\nsize is right/)
      await terminal.sees(/# /)
      // One process group says it and sleeps: what comes between two is nobody's to answer.
      terminal.type('(echo sleeps $((40 + 2)); exec sleep 100)\n')
      await terminal.sees(/\nsleeps 42\r\n/)
      terminal.type('\x03')
      await terminal.sees(/# /)
      terminal.type('exit 42\n')
      assert.equal(await terminal.exit(), 42)
    })

    test('run -t: the client resized while a program runs', async () => {
      const script =
        'stty size; until [ "$(stty size)" = "12 34" ]; do sleep 0.05; done; echo follows; exit 3'
      const terminal = open(client, 'run', '--rm', '-t', 'busybox', 'sh', '-c', script)
      await terminal.sees(/31 97\r+\n/)
      terminal.resize(12, 34)
      // The stock CLI may lose a change that comes while it still sets the first size.
      const again = setInterval(() => {
        terminal.resize(12, 33)
        terminal.resize(12, 34)
      }, 1000)
      if (client !== docker) clearInterval(again)
      await terminal.sees(/follows/).finally(() => clearInterval(again))
      assert.equal(await terminal.exit(), 3)
    })

    test('detach keys leave it running; attach comes back', async () => {
      const first = open(client, 'run', '-it', '--name', 'kept', 'busybox', 'sh')
      await first.sees(/# /)
      first.type('x=remembered\n')
      await first.sees(/remembered\r\n/)
      await first.sees(/# /)
      first.type('\x10\x11')
      assert.equal(await first.exit(), 0)
      assert.equal(
        (await daemon.api.get<Inspect>('/containers/kept/json')).body.State.Running,
        true,
      )
      const second = open(client, 'attach', '--detach-keys', 'ctrl-a,x', 'kept')
      second.type('\necho $x again\n')
      await second.sees(/\nremembered again\r\n/)
      second.type('\x01x')
      // The stock CLI answers detaching from `attach` with 1 and its reason.
      const code = await second.exit()
      assert.ok(code === 0 || code === 1, String(code))
      assert.equal(
        (await daemon.api.get<Inspect>('/containers/kept/json')).body.State.Running,
        true,
      )
      await removeContainers(daemon)
    })

    test('exec -it: size, resize, exit code', async () => {
      const id = await daemon.run({ Cmd: ['sleep', '60'] })
      const terminal = open(client, 'exec', '-it', id, 'sh')
      await terminal.sees(/# /)
      terminal.type('stty size\n')
      await terminal.sees(/31 97\r\n/)
      terminal.resize(41, 121)
      terminal.type(
        'until [ "$(stty size)" = "41 121" ]; do sleep 0.02; done; echo size is right\n',
      )
      await terminal.sees(/\nsize is right/)
      terminal.type('exit 9\n')
      assert.equal(await terminal.exit(), 9)
      await removeContainers(daemon)
    })

    test('start -ai on a terminal', async () => {
      const { body } = await daemon.api.post<{ Id: string }>('/containers/create', {
        Image: 'busybox',
        ...{ Tty: true, OpenStdin: true, StdinOnce: true, AttachStdin: true },
      })
      const terminal = open(client, 'start', '-ai', body.Id)
      await terminal.sees(/# /)
      // Its size comes with the client, after the start.
      terminal.type('until [ "$(stty size)" = "31 97" ]; do sleep 0.02; done; echo sized; exit 6\n')
      await terminal.sees(/\nsized/)
      assert.equal(await terminal.exit(), 6)
      await removeContainers(daemon)
    })

    test('Ctrl-C without a terminal inside is a signal to the process', async () => {
      const script = 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.05; done'
      const terminal = open(client, 'run', '--rm', 'busybox', 'sh', '-c', script)
      await terminal.sees(/ready/)
      terminal.type('\x03')
      await terminal.sees(/interrupted/)
      assert.equal(await terminal.exit(), 5)
    })
  })

interface Inspect {
  State: { Running: boolean }
}
