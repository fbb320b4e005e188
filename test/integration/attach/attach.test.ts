/** `POST /containers/{id}/attach`: past and present output, several clients, ends of input, refusals. */
import assert from 'node:assert/strict'
import { type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { TestDaemon, unframe, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const HostConfig = { NetworkMode: 'none' }
const ALL = 'stdin=1&stdout=1&stderr=1'

interface Client {
  socket: Socket
  /** Frames as they came. */
  readonly bytes: Buffer
  readonly text: string
  readonly ended: Promise<void>
}

async function attach(id: string, query: string): Promise<Client> {
  const { socket, head } = await daemon.api.upgrade(`/containers/${id}/attach?${query}`)
  let bytes = head
  socket.on('data', (part: Buffer) => (bytes = Buffer.concat([bytes, part])))
  const ended = new Promise<void>((resolve) => socket.once('end', resolve))
  return {
    socket,
    ended,
    get bytes() {
      return bytes
    },
    get text() {
      return unframe(bytes)
    },
  }
}

const create = async (body: object): Promise<string> => {
  const answer = await daemon.api.post<{ Id: string }>('/containers/create', {
    ...{ Image: 'busybox', HostConfig },
    ...body,
  })
  assert.equal(answer.status, 201, answer.text)
  return answer.body.Id
}
const start = async (id: string): Promise<void> =>
  assert.equal((await daemon.api.post(`/containers/${id}/start`)).status, 204)
const remove = async (id: string): Promise<void> =>
  assert.equal((await daemon.api.delete(`/containers/${id}?force=1`)).status, 204)

test('the past and the present have neither gap nor repetition', async () => {
  const id = await create({
    Cmd: ['sh', '-c', 'i=0; while [ ! -e /stop ]; do echo $i; i=$((i+1)); done; echo end'],
  })
  await start(id)
  const clients: Client[] = []
  for (let n = 0; n < 5; n++) clients.push(await attach(id, `logs=1&stream=1&stdout=1`))
  await until('output', () => clients.every(({ bytes }) => bytes.length > 100_000))
  const exec = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, {
    Cmd: ['touch', '/stop'],
  })
  await daemon.api.post(`/exec/${exec.body.Id}/start`, { Detach: true })
  await Promise.all(clients.map(({ ended }) => ended))
  for (const { text } of clients) {
    const lines = text.trimEnd().split('\n')
    assert.equal(lines.pop(), 'end')
    lines.forEach((line, n) => assert.equal(line, String(n)))
  }
  await remove(id)
})

test('what is asked for: past, present, neither', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'echo out; echo err >&2; sleep 1000'],
    HostConfig,
  })
  await until('its output', async () => (await daemon.logs(id)).length === 8)
  const past = await attach(id, 'logs=1&stdout=1&stderr=1')
  await past.ended
  assert.equal(past.text.length, 8)
  const errors = await attach(id, 'logs=1&stderr=1')
  await errors.ended
  assert.deepEqual([...errors.bytes.subarray(0, 8)], [2, 0, 0, 0, 0, 0, 0, 4])
  const nothing = await attach(id, ALL)
  await nothing.ended
  assert.equal(nothing.bytes.length, 0)
  await remove(id)
})

test('the first client’s end of input is the container’s with StdinOnce, else only its own', async () => {
  const Cmd = ['sh', '-c', 'while read line; do echo "got $line"; done; echo ended']
  const once = await create({ Cmd, OpenStdin: true, StdinOnce: true })
  const only = await attach(once, `stream=1&${ALL}`)
  await start(once)
  only.socket.end('a\n')
  await only.ended
  assert.equal(only.text, 'got a\nended\n')
  assert.equal(await daemon.wait(once), 0)

  const id = await create({ Cmd, OpenStdin: true })
  const first = await attach(id, `stream=1&${ALL}`)
  const second = await attach(id, `stream=1&${ALL}`)
  await start(id)
  first.socket.write('a\n')
  await until('both to see it', () => first.text === 'got a\n' && second.text === 'got a\n')
  first.socket.end()
  await first.ended
  second.socket.write('b\n')
  await until('the second to go on', () => second.text === 'got a\ngot b\n')
  await remove(id)
  await second.ended
})

test('a client that takes nothing does not keep others from their output for ever', async () => {
  const id = await create({ Cmd: ['sh', '-c', 'head -c 700000 /dev/zero; echo; echo end'] })
  const lazy = await daemon.api.upgrade(`/containers/${id}/attach?stream=1&stdout=1`)
  lazy.socket.pause()
  const eager = await attach(id, 'stream=1&stdout=1')
  await start(id)
  await eager.ended
  assert.ok(eager.text.endsWith('\nend\n'))
  assert.equal(await daemon.wait(id), 0)
  lazy.socket.destroy()
})

test('detach keys are an event; the container goes on', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true, Tty: true })
  await start(id)
  const client = await attach(id, `stream=1&${ALL}`)
  client.socket.write('\x10\x11')
  await client.ended
  const events = async (): Promise<string[]> => {
    const { text } = await daemon.api.get(
      `/events?since=0&until=${(Date.now() / 1000).toFixed(3)}&filters={"container":["${id}"]}`,
    )
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { Action: string }).Action)
  }
  await until('its event', async () => (await events()).includes('detach'))
  assert.deepEqual(await events(), ['create', 'start', 'attach', 'detach'])
  await remove(id)
})

test('refusals', async () => {
  const refused = async (path: string, status: number, message: string): Promise<void> => {
    const answer = await daemon.api.post<{ message: string }>(path)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
  await refused('/containers/none/attach?stream=1', 404, 'No such container: none')
  const id = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig }, 'busy')
  await refused(
    '/containers/busy/attach?detachKeys=ctrl-%21',
    400,
    'Invalid detach keys (ctrl-!) provided',
  )
  await daemon.api.post('/containers/busy/pause')
  await refused(
    '/containers/busy/attach?stream=1',
    409,
    'container busy is paused, unpause the container before attach',
  )
  await daemon.api.post('/containers/busy/unpause')
  await remove(id)
  const again = await daemon.run(
    {
      Cmd: ['false'],
      HostConfig: { ...HostConfig, RestartPolicy: { Name: 'always' } },
    },
    'again',
  )
  await until('the wait before a restart', async () => {
    const answer = await daemon.api.post<{ message: string }>('/containers/again/attach')
    return (
      answer.status === 409 &&
      answer.body.message === 'container again is restarting, wait until the container is running'
    )
  })
  await remove(again)
})
