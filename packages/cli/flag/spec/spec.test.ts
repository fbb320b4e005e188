import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import {
  checkDeviceRule,
  parseDevice,
  parseGpus,
  parseThrottleBytes,
  parseThrottleOperations,
  parseWeightDevice,
} from './device.ts'
import { addFilter, filterQuery } from './filter.ts'
import { checkDnsSearch, checkExtraHost, checkLink, isMac } from './host.ts'
import { checkSysctl, parseRestartPolicy, parseUlimit } from './limits.ts'
import { parseMount } from './mount.ts'
import { parseNetwork } from './network.ts'
import { parseExposed, parsePortSpec, parsePublished } from './port.ts'
import { parseVolumes } from './volume.ts'

const refuses = (parse: () => unknown, message: string): void =>
  assert.throws(parse, { message }, message)

test('mount: bind, volume, tmpfs, image', () => {
  assert.deepEqual(parseMount('type=bind,src=/a,dst=/b,ro,bind-propagation=rslave'), {
    Type: 'bind',
    Source: '/a',
    Target: '/b',
    ReadOnly: true,
    BindOptions: { Propagation: 'rslave' },
  })
  assert.deepEqual(
    parseMount('src=v,target=/v,volume-nocopy=true,volume-label=a=b,volume-opt=x=y'),
    {
      Type: 'volume',
      Source: 'v',
      Target: '/v',
      VolumeOptions: { NoCopy: true, Labels: { a: 'b' }, DriverConfig: { Options: { x: 'y' } } },
    },
  )
  assert.deepEqual(parseMount('type=tmpfs,dst=/t,tmpfs-size=10m,tmpfs-mode=1770').TmpfsOptions, {
    SizeBytes: 10 * 2 ** 20,
    Mode: 0o1770,
  })
  assert.equal(parseMount('type=bind,src=.,dst=/b').Source, resolve('.'))
  const idmap = (text: string): unknown => parseMount(`type=bind,src=/a,dst=/b,${text}`).BindOptions
  assert.deepEqual(idmap('idmap'), { IDMap: '' })
  assert.deepEqual(idmap('idmap=uids=0-1-10#9-50-1;gids=0-1-10'), {
    IDMap: 'uids=0-1-10#9-50-1;gids=0-1-10',
  })
  assert.equal(parseMount('type=bind,"src=/a,b",dst=/b').Source, '/a,b')
})

test('mount: refusals', () => {
  refuses(() => parseMount('type=foo'), 'target is required')
  refuses(() => parseMount('type=bind,src'), "invalid field 'src' must be a key=value pair")
  refuses(() => parseMount('bar=a,dst=/x'), "unexpected key 'bar' in 'bar=a'")
  refuses(
    () => parseMount('type=bind,dst=/x,volume-nocopy'),
    "cannot mix 'volume-*' options with mount type 'bind'",
  )
  refuses(() => parseMount('type=tmpfs,dst=/x,tmpfs-size=z'), 'invalid value for tmpfs-size: z')
  refuses(() => parseMount('type=tmpfs,dst=/x,tmpfs-mode=9'), 'invalid value for tmpfs-mode: 9')
  refuses(
    () => parseMount('type=bind,ds"t=/x'),
    'parse error on line 1, column 13: bare " in non-quoted-field',
  )
  refuses(
    () => parseMount('type=bind,dst=/x,bind-recursive=writable'),
    "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
  )
})

test('ports: every form of a specification', () => {
  const binding = (ip: string, port: string): object => ({ HostIp: ip, HostPort: port })
  const cases: Array<[string, unknown]> = [
    ['80', [['80/tcp', binding('', '')]]],
    ['8080:80', [['80/tcp', binding('', '8080')]]],
    ['127.0.0.1:53:53/UDP', [['53/udp', binding('127.0.0.1', '53')]]],
    ['127.0.0.1::80', [['80/tcp', binding('127.0.0.1', '')]]],
    ['[::1]:81:81', [['81/tcp', binding('::1', '81')]]],
    ['1000-1010:99', [['99/tcp', binding('', '1000-1010')]]],
    [
      '90-91:80-81',
      [
        ['80/tcp', binding('', '90')],
        ['81/tcp', binding('', '91')],
      ],
    ],
  ]
  for (const [spec, expected] of cases) assert.deepEqual(parsePortSpec(spec), expected, spec)
  assert.deepEqual(parsePublished(['published=8080,target=80,protocol=udp', '8081:80/udp']), {
    '80/udp': [binding('', '8080'), binding('', '8081')],
  })
  assert.deepEqual(parseExposed('7000-7001/udp'), ['7000/udp', '7001/udp'])
})

test('ports: refusals', () => {
  refuses(() => parsePortSpec('foo'), 'invalid containerPort: foo')
  refuses(() => parsePortSpec('70000'), 'invalid containerPort: 70000')
  refuses(() => parsePortSpec('x:80'), 'invalid hostPort: x')
  refuses(() => parsePortSpec('80/foo'), 'invalid proto: foo')
  refuses(() => parsePortSpec('foo:80:80'), 'invalid IP address: foo')
  refuses(
    () => parsePortSpec('1-3:5-6'),
    'invalid ranges specified for container and host Ports: 5-6 and 1-3',
  )
  refuses(() => parsePortSpec('80:'), 'no port specified: 80:<empty>')
  refuses(
    () => parseExposed('foo'),
    'invalid range format for --expose: foo, error: strconv.ParseUint: parsing "foo": invalid syntax',
  )
})

test('networks: a name, or fields', () => {
  assert.equal(parseNetwork('web').target, 'web')
  const full = parseNetwork('name=Web,alias=a,alias=b,ip=1.2.3.4,driver-opt=k=v,gw-priority=5')
  assert.deepEqual(full, {
    target: 'web',
    aliases: ['a', 'b'],
    links: [],
    driverOpts: { k: 'v' },
    ipv4: '1.2.3.4',
    linkLocalIPs: [],
    gwPriority: 5,
  })
  refuses(() => parseNetwork('foo=bar'), 'invalid field key foo')
  refuses(() => parseNetwork('alias=x'), 'network name/id is not specified')
})

test('devices and rates', () => {
  assert.deepEqual(parseDevice('/dev/a:/dev/b:rw'), {
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/b',
    CgroupPermissions: 'rw',
  })
  assert.equal(parseDevice('/dev/c:r').PathInContainer, '/dev/c')
  refuses(() => parseDevice('foo'), 'foo is not an absolute path')
  refuses(() => parseDevice('/dev/a:/b:z'), 'bad mode specified: z')
  refuses(() => parseDevice('/dev/a:b:c:d'), 'bad format for path: /dev/a:b:c:d')
  assert.equal(checkDeviceRule('c 1:* mr'), 'c 1:* mr')
  refuses(() => checkDeviceRule('foo'), "invalid device cgroup format 'foo'")
  assert.deepEqual(parseThrottleBytes('/dev/sda:1mb'), { Path: '/dev/sda', Rate: 2 ** 20 })
  refuses(() => parseThrottleOperations('a:1'), 'bad format for device path: a:1')
  refuses(() => parseWeightDevice('/dev/a:5'), 'invalid weight for device: /dev/a:5')
})

test('gpus', () => {
  const base = { Options: {}, Capabilities: [['gpu']] }
  assert.deepEqual(parseGpus('all'), { Count: -1, ...base })
  assert.deepEqual(parseGpus('"device=0,1"'), { DeviceIDs: ['0', '1'], ...base })
  assert.deepEqual(parseGpus('driver=nvidia'), { Driver: 'nvidia', Count: 1, ...base })
  refuses(
    () => parseGpus('foo'),
    'invalid count (foo): value must be either "all" or an integer: invalid syntax',
  )
})

test('limits', () => {
  assert.deepEqual(parseUlimit('nofile=5'), { Name: 'nofile', Soft: 5, Hard: 5 })
  assert.deepEqual(parseUlimit('core=-1'), { Name: 'core', Soft: -1, Hard: -1 })
  refuses(() => parseUlimit('foo=1'), 'invalid ulimit type: foo')
  refuses(
    () => parseUlimit('nofile=5:3'),
    'ulimit soft limit must be less than or equal to hard limit: 5 > 3',
  )
  assert.deepEqual(parseRestartPolicy('on-failure:3'), { Name: 'on-failure', MaximumRetryCount: 3 })
  refuses(
    () => parseRestartPolicy('on-failure:x'),
    'invalid restart policy format: maximum retry count must be an integer',
  )
  assert.equal(checkSysctl('net.ipv4.ip_forward=1'), 'net.ipv4.ip_forward=1')
  refuses(() => checkSysctl('kernel.panic=1'), "sysctl 'kernel.panic=1' is not allowed")
})

test('hosts', () => {
  assert.equal(checkExtraHost('b=[::1]'), 'b:::1')
  assert.equal(checkExtraHost('c:host-gateway'), 'c:host-gateway')
  refuses(() => checkExtraHost('foo'), 'bad format for add-host: "foo"')
  refuses(() => checkExtraHost('foo:bar'), 'invalid IP address in add-host: "bar"')
  assert.equal(checkDnsSearch('example.com.'), 'example.com')
  assert.equal(checkDnsSearch('.'), '.')
  refuses(() => checkDnsSearch('!'), '! is not a valid domain')
  refuses(() => checkLink('a:b:c'), 'bad format for links: a:b:c')
  assert.ok(isMac('92:d0:c6:0a:29:33') && !isMac('foo'))
})

test('volumes: binds, names, anonymous ones; paths of the client are made absolute', () => {
  assert.deepEqual(parseVolumes(['/a:/b', 'vol:/x:ro', '/anon', './r:/y', '/a:/b']), {
    binds: ['/a:/b', 'vol:/x:ro', `${resolve('r')}:/y`],
    anonymous: ['/anon'],
  })
  refuses(() => parseVolumes(['/a::/b']), 'invalid spec: /a::/b: empty section between colons')
})

test('filters: values of a key gather, keys fold to lower case', () => {
  const filters = ['Label=a=b', 'label=c', 'name= x '].reduce(
    (all, text) => addFilter(text, all),
    {},
  )
  assert.equal(filterQuery(filters), '{"label":{"a=b":true,"c":true},"name":{"x":true}}')
  assert.equal(filterQuery({}), undefined)
  refuses(() => addFilter('foo', {}), 'bad format of filter (expected name=value)')
})
