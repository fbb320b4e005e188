import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFile } from './file.ts'
import { parseFlags } from './flags.ts'

const parse = (file: unknown, ...args: string[]): object =>
  Object.fromEntries(
    parseFile(typeof file === 'string' ? file : JSON.stringify(file), parseFlags(args)),
  )

test('keys are moby’s, not the flags’', () => {
  assert.deepEqual(
    parse({
      debug: true,
      hosts: ['unix:///x'],
      labels: ['a=b'],
      'registry-mirrors': ['http://m'],
      'log-opts': { 'max-size': '1m' },
      'default-ulimits': { nofile: { Name: 'nofile', Hard: 2, Soft: 1 } },
      'default-shm-size': '1m',
      features: { buildkit: true },
      'live-restore': false,
    }),
    {
      debug: true,
      hosts: ['unix:///x'],
      labels: ['a=b'],
      'registry-mirrors': ['http://m'],
      'log-opts': { 'max-size': '1m' },
      'default-ulimits': { nofile: { soft: 1, hard: 2 } },
      'default-shm-size': 1_048_576,
      features: { buildkit: true },
      'live-restore': false,
    },
  )
})

test('groups are opened, a null is nothing, an empty file is fine', () => {
  assert.deepEqual(parse({ proxies: { 'http-proxy': 'http://p' }, dns: null }), {
    'http-proxy': 'http://p',
  })
  assert.deepEqual(parse(''), {})
  assert.deepEqual(parse(' \n'), {})
  assert.deepEqual(parse('\uFEFF{"debug":true}'), { debug: true })
})

test('unknown keys are named, all of them', () => {
  assert.throws(() => parse({ bogus: 1, debug: true, label: ['a=b'], proxies: { x: 1 } }), {
    message: "the following directives don't match any configuration option: bogus, label, x",
  })
})

test('a setting has one place', () => {
  assert.throws(
    () => parse({ labels: ['a=b', 'c=d'], debug: true }, '--label', 'x=y', '-D=false'),
    {
      message:
        'the following directives are specified both as a flag and in the configuration file: labels: (from flag: [x=y], from file: [a=b c=d]), debug: (from flag: false, from file: true)',
    },
  )
  assert.throws(() => parse({ 'log-opts': { a: 'b' } }, '--log-opt', 'c=d'), {
    message: /log-opts: \(from flag: map\[c:d\], from file: map\[a:b\]\)$/,
  })
  assert.throws(
    () => parse({ 'http-proxy': 'http://u:secret@p' }, '--http-proxy', 'http://v:secret@q'),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('wrong types and bad JSON are told', () => {
  const cases: Array<[unknown, RegExp]> = [
    ['{', /^invalid JSON: /],
    ['[]', /^invalid JSON: an object/],
    [{ debug: 'yes' }, /cannot unmarshal string into Go struct field Config\.debug of type bool/],
    [{ mtu: '1' }, /Config\.mtu of type int/],
    [{ hosts: 'unix://' }, /cannot unmarshal string .*Config\.hosts of type \[\]string/],
    [{ bip: 1 }, /cannot unmarshal number .* of type string/],
    [{ 'log-opts': { a: 1 } }, /of type map\[string\]string/],
    [{ 'default-ulimits': { nofile: 3 } }, /container\.Ulimit/],
    [{ 'default-shm-size': 'big' }, /invalid size: 'big'/],
  ]
  for (const [file, message] of cases) assert.throws(() => parse(file), { message })
})
