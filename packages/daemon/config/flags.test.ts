import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBytes, parseFlags } from './flags.ts'
import { options } from './options.ts'

const settings = (...args: string[]): object => Object.fromEntries(parseFlags(args).settings)

test('flags are given as pflag takes them', () => {
  assert.deepEqual(settings('-H', 'a', '--host=b', '-Hc', '-H=d'), { hosts: ['a', 'b', 'c', 'd'] })
  assert.deepEqual(settings('--debug'), { debug: true })
  assert.deepEqual(settings('-D'), { debug: true })
  assert.deepEqual(settings('--debug=false', '--tls=0'), { debug: false, tls: false })
  assert.deepEqual(settings('--live-restore=F'), { 'live-restore': false })
  assert.deepEqual(settings('--mtu', '1400', '--bip', '10.0.0.1/24'), {
    mtu: 1400,
    bip: '10.0.0.1/24',
  })
  assert.deepEqual(settings('-Dl', 'debug'), { debug: true, 'log-level': 'debug' })
  assert.deepEqual(settings('-Dldebug'), { debug: true, 'log-level': 'debug' })
  assert.deepEqual(settings('--label', 'a=b', '--label', 'c=d'), { labels: ['a=b', 'c=d'] })
  assert.deepEqual(settings('--log-opt', 'max-size=1m', '--log-opt', 'tag=a=b'), {
    'log-opts': { 'max-size': '1m', tag: 'a=b' },
  })
  assert.deepEqual(settings('--default-ulimit', 'nofile=1:2', '--default-ulimit', 'core=0'), {
    'default-ulimits': { nofile: { soft: 1, hard: 2 }, core: { soft: 0, hard: 0 } },
  })
  assert.deepEqual(settings('--default-address-pool', 'base=10.1.0.0/16,size=24'), {
    'default-address-pools': [{ base: '10.1.0.0/16', size: 24 }],
  })
  assert.deepEqual(settings('--bridge', '', '--'), { bridge: '' })
  assert.deepEqual(settings('-h'), { help: true })
})

test('what is wrong is told as pflag tells it', () => {
  const cases: Array<[string[], string]> = [
    [['--bogus'], 'unknown flag: --bogus'],
    [['--bogus=1'], 'unknown flag: --bogus'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['-Dx'], "unknown shorthand flag: 'x' in -Dx"],
    [['--mtu'], 'flag needs an argument: --mtu'],
    [['-H'], "flag needs an argument: 'H' in -H"],
    [['--=x'], 'bad flag syntax: --=x'],
    [['---x'], 'bad flag syntax: ---x'],
    [['start'], '"tdockerd" accepts no argument(s).'],
    [['--', 'x'], '"tdockerd" accepts no argument(s).'],
    [
      ['--mtu', 'x'],
      'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      ['-D=maybe'],
      'invalid argument "maybe" for "-D, --debug" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ['--default-shm-size', 'big'],
      `invalid argument "big" for "--default-shm-size" flag: invalid size: 'big'`,
    ],
    [
      ['--default-ulimit', 'nofile'],
      'invalid argument "nofile" for "--default-ulimit" flag: invalid ulimit argument: nofile',
    ],
  ]
  for (const [args, message] of cases) assert.throws(() => parseFlags(args), { message })
})

test('sizes are powers of 1024', () => {
  assert.equal(parseBytes('64m'), 67_108_864)
  assert.equal(parseBytes('64MiB'), 67_108_864)
  assert.equal(parseBytes('1.5 GB'), 1_610_612_736)
  assert.equal(parseBytes('4096'), 4096)
  assert.equal(parseBytes('1b'), 1)
  assert.throws(() => parseBytes('-1'))
})

test('no flag, letter or key stands twice in the table', () => {
  for (const pick of ['flag', 'short'] as const) {
    const names = options.flatMap((o) => o[pick] ?? [])
    assert.deepEqual(names, [...new Set(names)])
  }
  const flags = options.flatMap((o) => o.flag ?? [])
  assert.deepEqual(flags, flags.toSorted(), 'the help page is sorted')
})
