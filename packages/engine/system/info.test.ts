import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CgroupFeatures } from '@tdocker/kernel/cgroup/driver.ts'
import { ALL_FEATURES as all } from '@tdocker/kernel/cgroup/testing/features.ts'
import { withoutCredentials } from './info.ts'
import { exposureWarnings, limitWarnings, logWarnings } from './warnings.ts'

const none = Object.fromEntries(
  Object.keys(all).map((key) => [key, false]),
) as unknown as CgroupFeatures

test('a machine that can everything has no warnings', () => {
  assert.deepEqual(limitWarnings({ CgroupVersion: '2', IPv4Forwarding: true }, all), [])
  const noOom = { ...all, oomKillDisable: false }
  assert.deepEqual(limitWarnings({ CgroupVersion: '2', IPv4Forwarding: true }, noOom), [])
})

test('what is missing is told in the words of its cgroup version', () => {
  assert.deepEqual(limitWarnings({ CgroupVersion: '2', IPv4Forwarding: false }, none), [
    'WARNING: No memory limit support',
    'WARNING: No swap limit support',
    'WARNING: No cpu cfs quota support',
    'WARNING: No cpu cfs period support',
    'WARNING: No cpu shares support',
    'WARNING: No cpuset support',
    'WARNING: No io.weight support',
    'WARNING: No io.weight (per device) support',
    'WARNING: No io.max (rbps) support',
    'WARNING: No io.max (wbps) support',
    'WARNING: No io.max (riops) support',
    'WARNING: No io.max (wiops) support',
    'WARNING: IPv4 forwarding is disabled',
  ])
  const v1 = limitWarnings({ CgroupVersion: '1', IPv4Forwarding: true }, none)
  assert.ok(v1.includes('WARNING: No oom kill disable support'))
  assert.ok(v1.includes('WARNING: No blkio throttle.write_iops_device support'))
  assert.ok(!v1.some((warning) => warning.includes('io.weight')))
})

test('an API that anybody may use is told of', () => {
  const [plain, tls] = exposureWarnings(['http://0.0.0.0:2375', 'https://h:2376'])
  assert.match(
    plain ?? '',
    /^\[DEPRECATION NOTICE\]: API is accessible on http:\/\/0\.0\.0\.0:2375 without encryption\.\n/,
  )
  assert.match(tls ?? '', /on https:\/\/h:2376 without TLS client verification\./)
})

test('passwords of proxies are nobody else’s', () => {
  assert.equal(withoutCredentials('http://u:p@proxy:3128/'), 'http://xxxxx:xxxxx@proxy:3128/')
  assert.equal(withoutCredentials('http://proxy:3128'), 'http://proxy:3128')
  assert.equal(withoutCredentials(''), '')
})

test('a log that grew too large is told with what to do', () => {
  const [warning] = logWarnings([{ id: 'ab'.repeat(32), bytes: 2_340_000_000 }])
  assert.match(warning ?? '', /^WARNING: The log of container abababababab takes 2\.3 GB\./)
})
