import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Flag } from './flag-set.ts'
import { FlagError, FlagSet } from './flag-set.ts'

interface Sample {
  readonly flags: FlagSet
  readonly detach: Flag<boolean>
  readonly tty: Flag<boolean>
  readonly proxy: Flag<boolean>
  readonly env: Flag<readonly string[]>
  readonly name: Flag<string>
}

function sample(): Sample {
  const flags = new FlagSet()
  return {
    flags,
    detach: flags.bool('detach', 'd', false, ''),
    tty: flags.bool('tty', 't', false, ''),
    proxy: flags.bool('sig-proxy', '', true, ''),
    env: flags.list('env', 'e', ''),
    name: flags.string('name', 'n', '', ''),
  }
}

test('long flags take their value behind = or as the next word', () => {
  const { flags, name, env } = sample()
  assert.deepEqual(flags.parse(['--name=a=b', '--env', 'A=B', '--env=', 'x']), ['x'])
  assert.equal(name.value, 'a=b')
  assert.deepEqual(env.value, ['A=B', ''])
  assert.equal(name.changed, true)
})

test('clusters: switches in a row, the last one may take a value', () => {
  const { flags, detach, tty, env, name } = sample()
  assert.deepEqual(flags.parse(['-dteA=B', '-e', 'C', '-e=D', '-n', '-x']), [])
  assert.deepEqual([detach.value, tty.value], [true, true])
  assert.deepEqual(env.value, ['A=B', 'C', 'D'])
  assert.equal(name.value, '-x', 'a value may look like a flag')
})

test('switches take a value only behind =', () => {
  const { flags, detach, proxy } = sample()
  assert.deepEqual(flags.parse(['--detach', 'false', '--sig-proxy=false', '-d=0']), ['false'])
  assert.deepEqual([detach.value, proxy.value], [false, false])
})

test('flags between positional words, unless the command runs another one', () => {
  const first = sample()
  assert.deepEqual(first.flags.parse(['a', '-d', 'b', '--', '-t']), ['a', 'b', '-t'])
  assert.deepEqual([first.detach.value, first.tty.value], [true, false])
  const second = sample()
  second.flags.interspersed = false
  assert.deepEqual(second.flags.parse(['-t', 'image', '-d', '--', 'x']), ['image', '-d', '--', 'x'])
  assert.equal(second.detach.value, false)
})

test('a lone dash is a positional word', () => {
  assert.deepEqual(sample().flags.parse(['-', '-d']), ['-'])
})

test('refusals are the sentences of pflag', () => {
  const cases: Array<[string[], string]> = [
    [['--bad'], 'unknown flag: --bad'],
    [['--bad=1'], 'unknown flag: --bad'],
    [['---x'], 'bad flag syntax: ---x'],
    [['--=x'], 'bad flag syntax: --=x'],
    [['-zz'], "unknown shorthand flag: 'z' in -zz"],
    [['-dz'], "unknown shorthand flag: 'z' in -z"],
    [['--name'], 'flag needs an argument: --name'],
    [['-dn'], "flag needs an argument: 'n' in -n"],
    [
      ['--detach=maybe'],
      'invalid argument "maybe" for "-d, --detach" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
  ]
  for (const [args, message] of cases) {
    assert.throws(() => sample().flags.parse(args), new FlagError(message))
  }
})

test('old names set the flag they stand for, and say so', () => {
  const { flags, name } = sample()
  flags.alias('title', name, { deprecated: true })
  flags.parse(['--title', 'x'])
  assert.equal(name.value, 'x')
  assert.deepEqual(flags.deprecations, ['Flag --title has been deprecated, use --name instead'])
})
