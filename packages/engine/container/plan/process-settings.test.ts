import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planEnvironment } from './environment.ts'
import { planRlimits } from './rlimits.ts'
import { parseSignal, stopSignal } from '../../base/signal-name.ts'
import { planSysctls, validateSysctls } from './sysctls.ts'
import { parseTmpfsOptions, tmpfsText } from './tmpfs-options.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

test('environment: Docker’s, the container’s, the exec’s', () => {
  const env = (Env: string[], exec: string[] = [], tty = false): string[] =>
    planEnvironment({ config: { Hostname: 'h', Env }, tty, home: '/root', exec })
  assert.deepEqual(env([]), [path, 'HOSTNAME=h', 'HOME=/root'])
  assert.deepEqual(env([], [], true)[2], 'TERM=xterm')
  assert.deepEqual(env(['TERM=screen'], [], true), [
    path,
    'HOSTNAME=h',
    'TERM=screen',
    'HOME=/root',
  ])
  assert.deepEqual(env(['PATH=/bin', 'A=1', 'A=2']), [
    'PATH=/bin',
    'HOSTNAME=h',
    'A=2',
    'HOME=/root',
  ])
  assert.deepEqual(env(['A=1', 'HOSTNAME'], ['A', 'B=3']), [path, 'B=3', 'HOME=/root'])
  assert.deepEqual(env(['HOME=/x']), [path, 'HOSTNAME=h', 'HOME=/x'])
  assert.deepEqual(env(['HOME=']), [path, 'HOSTNAME=h', 'HOME=/root'])
  assert.deepEqual(env(['E=']), [path, 'HOSTNAME=h', 'E=', 'HOME=/root'])
  assert.deepEqual(env(['K=a=b']), [path, 'HOSTNAME=h', 'K=a=b', 'HOME=/root'])
})

test('signals by name and number', () => {
  const cases: Array<[string, number]> = [
    ['SIGTERM', 15],
    ['term', 15],
    ['9', 9],
    ['SIGRTMIN', 34],
    ['RTMIN+3', 37],
    ['sigrtmax-1', 63],
    ['RTMAX', 64],
    ['SIGCLD', 17],
    ['QUIT', 3],
  ]
  for (const [text, number] of cases) assert.equal(parseSignal(text), number, text)
  for (const text of ['', '0', 'SIG', 'NOPE', 'RTMIN+31', 'RTMIN-1', 'RTMAX+1', '1.5', ' 9']) {
    const error = { kind: 'invalidParameter', message: `invalid signal: ${text}` }
    assert.throws(() => parseSignal(text), error, text)
  }
  assert.equal(stopSignal(undefined), 15)
  assert.equal(stopSignal(''), 15)
  assert.equal(stopSignal('SIGINT'), 2)
})

test('rlimits', () => {
  const Ulimits = [
    { Name: 'nofile', Soft: 10, Hard: 20 },
    { Name: 'CORE', Soft: -1, Hard: -1 },
    { Name: 'stack' },
  ]
  assert.deepEqual(planRlimits({ Ulimits }), [
    { name: 'nofile', soft: 10n, hard: 20n },
    { name: 'core', soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n },
    { name: 'stack', soft: 0n, hard: 0n },
  ])
  assert.deepEqual(planRlimits({}), [])
  assert.throws(() => planRlimits({ Ulimits: [{ Name: 'x' }] }), {
    message: /runc create failed: wrong rlimit value: RLIMIT_X$/,
  })
  assert.throws(() => planRlimits({ Ulimits: [{ Name: 'nofile', Soft: -1, Hard: 5 }] }), {
    kind: 'system',
    message: /error setting rlimit type 7: invalid argument$/,
  })
})

test('sysctls: Docker’s own in an own network namespace, the user’s win', () => {
  assert.deepEqual(planSysctls({ NetworkMode: 'bridge' }), [
    ['net.ipv4.ping_group_range', '0 2147483647'],
    ['net.ipv4.ip_unprivileged_port_start', '0'],
  ])
  assert.deepEqual(planSysctls({ NetworkMode: 'host' }), [])
  assert.deepEqual(planSysctls({ NetworkMode: 'container:x' }), [])
  const Sysctls = { 'net.ipv4.ip_unprivileged_port_start': '80', 'kernel/sem': '1 2 3 4' }
  assert.deepEqual(planSysctls({ Sysctls }), [
    ['net.ipv4.ping_group_range', '0 2147483647'],
    ['net.ipv4.ip_unprivileged_port_start', '80'],
    ['kernel.sem', '1 2 3 4'],
  ])
})

test('sysctls of the host are refused in every spelling', () => {
  const check =
    (key: string, host: object = {}) =>
    (): void =>
      validateSysctls({ Sysctls: { [key]: '1' }, ...host })
  for (const key of [
    'kernel.shmmax',
    'fs.mqueue.msg_max',
    'net.ipv4.ip_forward',
    'kernel/sem',
    'net.ipv4.conf.eth0/1.forwarding',
    'kernel.domainname',
  ]) {
    assert.doesNotThrow(check(key), key)
  }
  for (const key of [
    'kernel.core_pattern',
    'vm.swappiness',
    'fs.file-max',
    'kernel',
    '',
    'net',
    '/net.x',
    'net.',
    'net/../kernel/core_pattern',
    'net.../kernel',
    'net/..',
    'net./../kernel.x',
    'net.a b',
    'net.\0',
  ]) {
    assert.throws(check(key), { kind: 'system', message: /kernel namespace/ }, key)
  }
  assert.throws(check('kernel.hostname'), /conflicts with the OCI "hostname" field/)
  assert.throws(check('net.ipv4.x', { NetworkMode: 'host' }), {
    message: /sysctl "net.ipv4.x" not allowed in host network namespace$/,
  })
  assert.throws(check('kernel.sem', { IpcMode: 'host' }), {
    message: /sysctl "kernel.sem" is not allowed in the hosts ipc namespace$/,
  })
  assert.throws(check('kernel.domainname', { UTSMode: 'host' }), /kernel namespace/)
})

test('tmpfs options: the last word of each subject wins', () => {
  const parse = (text: string): string => {
    const { flags, data } = parseTmpfsOptions(text)
    return `${[...flags].toSorted().join(' ')} | ${data.map((pair) => pair.join('=')).join(' ')}`
  }
  assert.equal(parse(''), 'nodev noexec nosuid | ')
  assert.equal(parse('exec'), 'nodev nosuid | ')
  assert.equal(parse('exec,noexec'), 'nodev noexec nosuid | ')
  assert.equal(parse('size=64m,mode=1777,size=1m'), 'nodev noexec nosuid | size=1m mode=1777')
  assert.equal(parse('rw,ro,uid=5'), 'nodev noexec nosuid ro | uid=5')
  assert.equal(
    parse('defaults,rprivate,async,nr_inodes=10k'),
    'nodev noexec nosuid | nr_inodes=10k',
  )
  assert.equal(parseTmpfsOptions('ro').readonly, true)
  assert.equal(parseTmpfsOptions('ro,rw').readonly, false)
  for (const [text, word] of [
    ['bogus', 'bogus'],
    ['size', 'size'],
    ['lowerdir=/etc', 'lowerdir'],
  ] as const) {
    assert.throws(() => parseTmpfsOptions(text), { message: `invalid tmpfs option "${word}"` })
  }
})

test('Mounts of type tmpfs', () => {
  const mount = {
    type: 'tmpfs' as const,
    target: '/t',
    readonly: true,
    recursive: true,
    recursiveReadonly: false,
    propagation: '',
    directory: true,
    tmpfs: { sizeBytes: 1024, mode: 0o1770, options: [['exec'], ['uid', '7']] },
  }
  assert.equal(tmpfsText(mount), 'ro,mode=1770,size=1024,exec,uid=7')
})
