import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeccompProfileError, parseSeccompProfile } from './seccomp-parse.ts'

const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile))
const allow = { action: 'SCMP_ACT_ALLOW' }
const base = { defaultAction: 'SCMP_ACT_ERRNO' }

test('both spellings of rules', () => {
  const profile = parse({
    ...base,
    syscalls: [
      { name: 'a', ...allow },
      { names: ['b'], ...allow },
    ],
  })
  assert.deepEqual(
    profile?.syscalls.map((rule) => rule.names),
    [['a'], ['b']],
  )
})

test('keys match without regard to case, as in Go', () => {
  const profile = parse({
    DEFAULTACTION: 'SCMP_ACT_ALLOW',
    Syscalls: [{ Names: ['x'], Action: 'SCMP_ACT_ERRNO', ErrnoRet: 5 }],
  })
  assert.equal(profile?.defaultAction, 'SCMP_ACT_ALLOW')
  assert.equal(profile?.syscalls[0]?.errnoRet, 5)
})

test('masks keep all 64 bits', () => {
  const text = `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"name":"x","action":"SCMP_ACT_ALLOW",
    "args":[{"index":1,"value":18446744073709551615,"valueTwo":9007199254740993,"op":"SCMP_CMP_MASKED_EQ"}]}]}`
  assert.deepEqual(parseSeccompProfile(text)?.syscalls[0]?.args, [
    { index: 1, op: 'SCMP_CMP_MASKED_EQ', value: 2n ** 64n - 1n, valueTwo: 9007199254740993n },
  ])
})

test('nothing said is unconfined', () => {
  assert.equal(parse({}), undefined)
  assert.equal(parse({ syscalls: [] }), undefined)
  assert.ok(parse({ ...base }))
})

test('what is wrong is told', () => {
  const wrong: Array<[unknown, RegExp]> = [
    [{ ...base, syscalls: [{ name: 'a', names: ['b'], ...allow }] }, /both 'name' and 'names'/],
    [{ ...base, architectures: ['x'], archMap: [{}] }, /both 'architectures' and 'archMap'/],
    [{ defaultAction: 'ALLOW' }, /invalid action "ALLOW"/],
    [{ ...base, syscalls: [{ name: 'a' }] }, /invalid action ""/],
    [{ ...base, syscalls: [{ name: 'a', ...allow, args: [{ op: 'EQ' }] }] }, /invalid operator/],
    [
      { ...base, syscalls: [{ name: 'a', ...allow, args: [{ op: 'SCMP_CMP_EQ', index: 6 }] }] },
      /invalid argument index 6/,
    ],
    [
      { ...base, syscalls: [{ name: 'a', ...allow, args: [{ op: 'SCMP_CMP_EQ', value: -1 }] }] },
      /unsigned integer/,
    ],
    [
      { ...base, syscalls: [{ name: 'a', ...allow, includes: { minKernel: 'new' } }] },
      /invalid kernel version: "new"/,
    ],
    [{ ...base, syscalls: {} }, /syscalls: expected a list/],
    [{ ...base, syscalls: [{ names: [1], ...allow }] }, /expected strings/],
    [{ ...base, listenerPath: '/x' }, /listenerPath/],
    [[], /expected an object/],
    ['x', /expected an object/],
  ]
  for (const [profile, message] of wrong) {
    assert.throws(
      () => parse(profile),
      (error: Error) => error instanceof SeccompProfileError && message.test(error.message),
      JSON.stringify(profile),
    )
  }
  assert.throws(() => parseSeccompProfile('{'), /Decoding seccomp profile failed/)
})

test('a key called __proto__ is a key like others', () => {
  assert.equal(parseSeccompProfile('{"__proto__":{"defaultAction":"SCMP_ACT_ALLOW"}}'), undefined)
})
