import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryConfig, hostOf } from './registry-config.ts'

const config = (
  insecureRegistries: string[] = [],
  registryMirrors: string[] = [],
): RegistryConfig => new RegistryConfig({ registryMirrors, insecureRegistries })

const urls = async (of: RegistryConfig, domain: string, mirrors = true): Promise<string[]> =>
  (await of.endpoints(domain, { mirrors })).map((endpoint) => endpoint.base.href)

test('each registry has the mirrors that are meant for it', async () => {
  const mirrored = config(
    [],
    [
      ...['https://one.test', 'http://two.test/path/', 'https://one.test/'],
      ...['ghcr.invalid=https://three.test', 'ghcr.invalid=http://127.0.0.1:5000'],
    ],
  )
  assert.deepEqual(await urls(mirrored, 'docker.io'), [
    'https://one.test/',
    'http://two.test/path/',
    'https://registry-1.docker.io/',
  ])
  assert.deepEqual(await urls(mirrored, 'docker.io', false), ['https://registry-1.docker.io/'])
  assert.deepEqual(await urls(mirrored, 'registry.invalid'), ['https://registry.invalid/'])
  assert.deepEqual(await urls(mirrored, 'ghcr.invalid'), [
    'https://three.test/',
    'http://127.0.0.1:5000/',
    'https://ghcr.invalid/',
  ])
  assert.deepEqual(await urls(mirrored, 'ghcr.invalid', false), ['https://ghcr.invalid/'])
})

test('plain http comes second, and only for insecure hosts', async () => {
  const listed = config(['reg.invalid:5000', '10.0.0.0/8', 'http://odd.invalid'])
  const both = (host: string): string[] => [`https://${host}/`, `http://${host}/`]
  for (const host of [
    '127.0.0.1:5000',
    '127.1.2.3',
    '[::1]:5000',
    'reg.invalid:5000',
    '10.9.8.7:81',
    'odd.invalid',
  ]) {
    assert.deepEqual(await urls(listed, host), both(new URL(`http://${host}`).host), host)
  }
  for (const host of ['reg.invalid', '11.0.0.1', '[::2]', '128.0.0.1']) {
    assert.deepEqual(await urls(listed, host), [`https://${host}/`], host)
  }
  const [https] = await listed.endpoints('127.0.0.1', { mirrors: true })
  assert.equal(https?.insecure, true)
})

test('what is in force is told', () => {
  const listed = config(['reg.invalid:5000', '10.0.0.0/8'], ['https://m.test'])
  assert.deepEqual(listed.mirrors, [{ host: 'docker.io', url: 'https://m.test/' }])
  assert.deepEqual(listed.insecureHosts, ['reg.invalid:5000'])
  assert.deepEqual(listed.insecureCidrs, ['10.0.0.0/8', '::1/128', '127.0.0.0/8'])
})

test('hosts that are none', () => {
  for (const host of ['-x', 'a/b', 'a b', '10.0.0.0/33', 'ftp://x', '']) {
    assert.throws(
      () => config([host]),
      { kind: 'invalidParameter', message: /insecure registry/ },
      host,
    )
  }
  assert.throws(() => config(['host:99999']), /invalid port "99999"/)
})

test('hosts without their ports', () => {
  assert.equal(hostOf('a.test:5000'), 'a.test')
  assert.equal(hostOf('a.test'), 'a.test')
  assert.equal(hostOf('[::1]:5000'), '::1')
  assert.equal(hostOf('::1'), '::1')
  assert.equal(hostOf('127.0.0.1:1'), '127.0.0.1')
})
