/** Keys of maps that JavaScript's objects have a meaning for are keys like others, to the disk and back. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const ODD = '{"__proto__":"x","constructor":"y","toString":"z","hasOwnProperty":"w"}'
const keys = Object.keys(JSON.parse(ODD) as object).sort()

interface Shown {
  Config: { Labels: Record<string, string> }
  HostConfig: { Annotations: Record<string, string> }
}

function create(body: string) {
  return daemon.api.request('POST', '/containers/create', Buffer.from(body))
}

async function check(id: string): Promise<void> {
  const { body } = await daemon.api.get<Shown>(`/containers/${id}/json`)
  assert.deepEqual(Object.keys(body.Config.Labels).sort(), keys)
  assert.deepEqual(Object.keys(body.HostConfig.Annotations).sort(), keys)
  for (const label of ['__proto__=x', 'toString', 'hasOwnProperty=w']) {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }))
    const list = await daemon.api.get<unknown[]>(`/containers/json?all=1&filters=${filters}`)
    assert.equal(list.body.length, 1, label)
  }
  const other = encodeURIComponent(JSON.stringify({ label: ['valueOf'] }))
  assert.deepEqual((await daemon.api.get(`/containers/json?all=1&filters=${other}`)).body, [])
}

test('labels and annotations', async () => {
  const { body } = await create(
    `{"Image":"busybox","Cmd":["true"],"Labels":${ODD},"HostConfig":{"Annotations":${ODD},"NetworkMode":"none","LogConfig":{"Type":"json-file","Config":{"labels":"__proto__,constructor,toString"}}}}`,
  )
  const { Id: id } = body as { Id: string }
  await check(id)
  await daemon.api.post(`/containers/${id}/start`)
  await daemon.wait(id)
  await daemon.end()
  await daemon.boot()
  await check(id)
  await daemon.api.delete(`/containers/${id}`)
})

const MAPS = [
  'HostConfig.Sysctls',
  'HostConfig.Tmpfs',
  'HostConfig.StorageOpt',
  'HostConfig.LogConfig.Config',
  'HostConfig.PortBindings',
  'ExposedPorts',
  'Volumes',
  'NetworkingConfig.EndpointsConfig',
]
for (const map of MAPS)
  for (const key of ['__proto__', 'constructor'])
    test(`${map} with a key ${key} is no accident`, async () => {
      const value = /Sysctls|Tmpfs|StorageOpt|LogConfig/.test(map)
        ? '"x"'
        : map.endsWith('PortBindings')
          ? '[]'
          : '{}'
      const inner = map
        .split('.')
        .reduceRight((rest, name) => `{"${name}":${rest}}`, `{"${key}":${value}}`)
      const answer = await create(`{"Image":"busybox","Cmd":["true"],${inner.slice(1)}`)
      const { Id: id } = answer.body as { Id?: string }
      if (id === undefined) {
        // As in moby, a storage option that nobody knows has no kind.
        assert.equal(answer.status, map.endsWith('StorageOpt') ? 500 : 400, answer.text)
        assert.doesNotMatch(answer.text, /not a function|undefined|Cannot read/)
        return
      }
      const start = await daemon.api.request('POST', `/containers/${id}/start`)
      assert.doesNotMatch(start.text, /not a function|undefined|Cannot read/)
      assert.equal((await daemon.api.request('GET', `/containers/${id}/json`)).status, 200)
      assert.equal((await daemon.api.request('GET', '/containers/json?all=1')).status, 200)
      await daemon.api.delete(`/containers/${id}?force=1`)
    })
