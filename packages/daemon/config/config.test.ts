import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveConfig, type Config } from './config.ts'
import { parseFile } from './file.ts'
import { parseFlags } from './flags.ts'

interface Given {
  args?: string[]
  file?: object
  env?: Record<string, string>
}

function resolve({ args = [], file = {}, env = {} }: Given): Config {
  const flags = parseFlags(args)
  const settings = parseFile(JSON.stringify(file), flags)
  return resolveConfig(flags.settings, settings, {
    env,
    runtimeDirectory: '/run/tdocker',
    home: '/root',
  })
}

test('nothing given: the defaults', () => {
  assert.deepEqual(resolve({}), {
    engine: {
      dataRoot: '/var/lib/tdocker',
      execRoot: '/run/tdocker',
      bridge: 'tdocker0',
      network: {},
      cgroupParent: '/tdocker',
      nftTable: 'tdocker',
      pluginDirectories: {
        sockets: '/run/docker/plugins',
        specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'],
      },
      registryMirrors: [],
      insecureRegistries: [],
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
      maxDownloadAttempts: 5,
      contentRetention: 'auto',
      labels: [],
      logDriver: 'json-file',
      logOpts: {},
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      defaultShmSize: 67_108_864,
      defaultStopTimeout: 10,
      defaultUlimits: {},
      noNewPrivileges: false,
      seccompProfile: 'builtin',
      init: false,
      initPath: undefined,
      defaultIpcMode: 'private',
      defaultCgroupnsMode: undefined,
      liveRestore: true,
      shutdownTimeout: 15,
      debug: false,
      experimental: false,
      minApiVersion: '1.24',
      exposedAddresses: [],
    },
    hosts: [{ kind: 'unix', path: '/run/tdocker.sock' }],
    tls: undefined,
    plainTcp: false,
    group: 'docker',
    groupGiven: false,
    pidfile: '/run/tdocker.pid',
    logLevel: 'info',
    logFormat: 'text',
    experimental: false,
    minimumVersion: '1.24',
    proxies: {},
    warnings: [],
  })
})

test('flags and file fill the same fields', () => {
  const fromFlags = resolve({
    args: [
      '--data-root',
      '/d/',
      '-b',
      'br-test',
      '--mtu',
      '1400',
      '--bip',
      '10.9.0.1/24',
      '-G',
      'x',
    ],
  })
  const fromFile = resolve({
    file: { 'data-root': '/d/', bridge: 'br-test', mtu: 1400, bip: '10.9.0.1/24', group: 'x' },
  })
  assert.deepEqual(fromFlags, fromFile)
  const { engine } = fromFile
  assert.deepEqual(
    [engine.dataRoot, engine.bridge, engine.mtu, engine.bip, engine.nftTable],
    ['/d', 'br-test', 1400, '10.9.0.1/24', 'tdocker_br_test'],
  )
})

test('a false in the file is not lost to a true default', () => {
  assert.equal(resolve({ file: { 'live-restore': false } }).engine.liveRestore, false)
  assert.equal(resolve({ file: { 'default-stop-timeout': 0 } }).engine.defaultStopTimeout, 0)
})

test('TLS is asked for by --tls or --tlsverify, by its environment, and verified unless told', () => {
  const tls = (args: string[], env: Record<string, string> = {}) => resolve({ args, env }).tls
  const files = { cert: '/root/.docker/cert.pem', key: '/root/.docker/key.pem' }
  const ca = '/root/.docker/ca.pem'
  assert.equal(tls([]), undefined)
  assert.deepEqual(tls(['--tls']), { ...files, ca })
  assert.deepEqual(tls(['--tlsverify']), { ...files, ca })
  assert.deepEqual(tls(['--tls', '--tlsverify=false']), { ...files, ca: undefined })
  assert.equal(tls(['--tls=false']), undefined)
  assert.deepEqual(tls([], { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' }), {
    cert: '/c/cert.pem',
    key: '/c/key.pem',
    ca: '/c/ca.pem',
  })
  assert.deepEqual(
    resolve({ file: { tlsverify: true, tlscacert: '/a', tlscert: '/b', tlskey: '/k' } }).tls,
    { cert: '/b', key: '/k', ca: '/a' },
  )
})

test('hosts', () => {
  const hosts = (args: string[]) => resolve({ args: args.flatMap((h) => ['-H', h]) }).hosts
  assert.deepEqual(
    hosts(['unix:///a', 'tcp://1.2.3.4:5', 'fd://', 'tcp://[::1]:6', ':7', 'fd://3']),
    [
      { kind: 'unix', path: '/a' },
      { kind: 'tcp', address: '1.2.3.4', port: 5 },
      { kind: 'fd', which: '*' },
      { kind: 'tcp', address: '::1', port: 6 },
      { kind: 'tcp', address: 'localhost', port: 7 },
      { kind: 'fd', which: 3 },
    ],
  )
  assert.deepEqual(hosts(['']), [{ kind: 'unix', path: '/run/tdocker.sock' }])
  assert.deepEqual(hosts(['tcp://']), [{ kind: 'tcp', address: 'localhost', port: 2375 }])
  assert.deepEqual(resolve({ args: ['--tls'] }).hosts, [
    { kind: 'tcp', address: 'localhost', port: 2376 },
  ])
  const cases: Record<string, string> = {
    'ftp://x': "invalid bind address (ftp://x): unsupported proto 'ftp'",
    'tcp://x:0': 'invalid bind address (tcp://x:0): invalid port: 0',
    'tcp://x:y': 'invalid bind address (tcp://x:y): invalid port: y',
    'tcp://x:1/path': 'invalid bind address (tcp://x:1/path): should not contain a path element',
    'unix://unix://x': 'invalid bind address (unix://unix://x): invalid unix address: unix://x',
  }
  for (const [host, message] of Object.entries(cases))
    assert.throws(() => hosts([host]), { message })
  assert.throws(() => hosts([`unix:///${'x'.repeat(107)}`]), /too long/)
})

test('values that cannot be are refused', () => {
  const cases: Array<[Given, string | RegExp]> = [
    [{ args: ['-l', 'loud'] }, 'invalid logging level: loud'],
    [{ args: ['--log-format', 'xml'] }, 'invalid log format: xml'],
    [{ args: ['--content-retention=no'] }, 'invalid content retention: no'],
    [{ args: ['--mtu=-1'] }, 'invalid default MTU: -1'],
    [{ args: ['--max-concurrent-downloads=-1'] }, 'invalid max concurrent downloads: -1'],
    [{ args: ['--data-root', 'relative'] }, 'data-root must be an absolute path: relative'],
    [{ args: ['--label', 'novalue'] }, 'bad attribute format: novalue'],
    [{ args: ['--label', 'a=1', '--label', 'a=2'] }, 'conflict labels for a=2 and a=1'],
    [
      { args: ['--registry-mirror', 'ftp://m'] },
      `invalid mirror: unsupported scheme "ftp" in "ftp://m": must use either 'https://' or 'http://'`,
    ],
    [{ args: ['--registry-mirror', 'http://u:p@m'] }, /username\/password not allowed in URI/],
    [
      { env: { DOCKER_MIN_API_VERSION: '1.10' } },
      'invalid DOCKER_MIN_API_VERSION: minimum supported API version is 1.24: 1.10',
    ],
    [
      { file: { 'min-api-version': 'v1.40' } },
      'invalid min-api-version: API version must be provided without "v" prefix',
    ],
  ]
  for (const [given, message] of cases) assert.throws(() => resolve(given), { message })
  assert.equal(resolve({ file: { 'min-api-version': '1.40' } }).minimumVersion, '1.40')
  assert.deepEqual(resolve({ args: ['--registry-mirror', 'http://m'] }).engine.registryMirrors, [
    'http://m/',
  ])
})

test('proxies of daemon.json and flags become variables', () => {
  const { proxies } = resolve({
    args: ['--no-proxy', 'a.test,10.0.0.0/8'],
    file: { 'https-proxy': 'http://p:3128' },
  })
  assert.deepEqual(proxies, { HTTPS_PROXY: 'http://p:3128', NO_PROXY: 'a.test,10.0.0.0/8' })
})

test('mirrors may name the registry they are for', () => {
  const file = { 'registry-mirrors': ['ghcr.io=https://m.test', 'http://hub.test/'] }
  assert.deepEqual(resolve({ file }).engine.registryMirrors, [
    'ghcr.io=https://m.test/',
    'http://hub.test/',
  ])
})

test('known options without effect are warned of', () => {
  assert.deepEqual(
    resolve({ args: ['--bridge-accept-fwmark=1'], file: { runtimes: { x: {} } } }).warnings,
    [
      'the option runtimes is known but has no effect in tdocker yet',
      'the option bridge-accept-fwmark is known but has no effect in tdocker yet',
    ],
  )
})

test('addresses where anybody may use the API are known by it', () => {
  const exposed = (...args: string[]): readonly string[] =>
    resolve({ args }).engine.exposedAddresses
  assert.deepEqual(exposed('-H', 'unix:///x', '-H', 'tcp://0.0.0.0:2375', '-H', 'tcp://[::1]:1'), [
    'http://0.0.0.0:2375',
    'http://[::1]:1',
  ])
  assert.deepEqual(exposed('-H', 'tcp://h:2376', '--tls', '--tlsverify=false'), ['https://h:2376'])
  assert.deepEqual(exposed('-H', 'tcp://h:2376', '--tlsverify'), [])
})
