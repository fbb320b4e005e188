import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryConfig } from './registry-info.ts'

test('mirrors are told with the registry they are for', () => {
  const told = registryConfig({
    registryMirrors: ['https://hub.test/', 'ghcr.io=https://ghcr.test/', 'odd.test=http://m.test/'],
    insecureRegistries: ['odd.test', '10.0.0.0/8'],
  })
  assert.deepEqual(told.Mirrors, ['https://hub.test/'])
  assert.deepEqual(told.InsecureRegistryCIDRs, ['::1/128', '127.0.0.0/8', '10.0.0.0/8'])
  assert.deepEqual(told.IndexConfigs, {
    'docker.io': {
      Name: 'docker.io',
      Mirrors: ['https://hub.test/'],
      Secure: true,
      Official: true,
    },
    'odd.test': { Name: 'odd.test', Mirrors: ['http://m.test/'], Secure: false, Official: false },
    'ghcr.io': { Name: 'ghcr.io', Mirrors: ['https://ghcr.test/'], Secure: true, Official: false },
  })
})
