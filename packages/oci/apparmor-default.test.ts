import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultAppArmorProfile } from './apparmor-default.ts'

test('includes what the host has, else stands alone', () => {
  const alone = defaultAppArmorProfile(() => false)
  assert.match(alone, /^@\{PROC\}=\/proc\/\nprofile docker-default /)
  assert.doesNotMatch(alone, /include|^abi/m)
  const inDebian = defaultAppArmorProfile(() => true)
  assert.match(inDebian, /^abi <abi\/3\.0>,\ninclude <tunables\/global>\nprofile docker-default /)
  assert.match(inDebian, /\{\ninclude <abstractions\/base>\n/)
})

test('denies mounts, kernel crypto sockets and the kernel’s files', () => {
  const profile = defaultAppArmorProfile(() => false)
  for (const rule of [
    'mount',
    'network alg',
    '@{PROC}/sysrq-trigger rwklx',
    '/sys/firmware/** rwklx',
  ])
    assert.ok(profile.includes(`deny ${rule},`), rule)
})
