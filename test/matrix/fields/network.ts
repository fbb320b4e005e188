/** The container's network, and the files about names in it. */
import { type Bad, config, type Field, host, refused } from '../field.ts'
import type { Seen } from '../seen.ts'
import type { World } from '../world.ts'

const bridge = { NetworkMode: 'bridge' }

const interfaces = (x: Seen): string[] =>
  x
    .proc('net/dev')
    .split('\n')
    .slice(2)
    .map((line) => line.split(':')[0]?.trim() ?? '')
    .filter((name) => name !== '')
    .sort()

const etc =
  (name: string) =>
  (x: Seen): string =>
    x.file(`/etc/${name}`)

/** What contradicts `container:` networks. */
const joined = (set: unknown, what: string): Bad =>
  refused(set, `conflicting options: ${what}`, { host: { NetworkMode: 'container:donor' } })

export const networkFields: readonly Field[] = [
  host(
    'NetworkMode',
    [
      { set: 'none', see: interfaces, expect: ['lo'] },
      { set: 'bridge', see: interfaces, expect: ['eth0', 'lo'] },
      { set: 'default', shown: 'bridge', see: interfaces, expect: ['eth0', 'lo'] },
      { set: '', shown: 'bridge', see: interfaces, expect: ['eth0', 'lo'] },
      { set: 'host', see: (x) => x.namespaceOf('net'), expect: 'host' },
      {
        set: 'container:donor',
        shown: (world: World) => `container:${world.donor}`,
        see: async (x) => {
          const { body } = await x.daemon.api.get<{ State: { Pid: number } }>(
            '/containers/donor/json',
          )
          return x.namespace('net') === x.namespace('net', body.State.Pid)
        },
        expect: true,
      },
    ],
    [
      refused('container:', 'invalid network mode: invalid container format container:<name|id>'),
      {
        set: 'container:nope',
        at: 'start',
        status: 500,
        says: 'joining network namespace of container: No such container: nope',
      },
      {
        set: 'container:stopped',
        at: 'start',
        status: 409,
        says: 'cannot join network namespace of a non running container: container stopped is created',
      },
      { set: 'nope', at: 'start', status: 404, says: /network nope not found$/ },
    ],
  ),
  config('NetworkDisabled', [
    { set: true, host: bridge, see: interfaces, expect: ['lo'] },
    { set: false, host: bridge, shown: undefined, see: interfaces, expect: ['eth0', 'lo'] },
  ]),
  config(
    'ExposedPorts',
    [
      {
        set: { '80/tcp': {}, '53/udp': {} },
        host: bridge,
        see: (x) => x.inspect.NetworkSettings.Ports,
        expect: { '80/tcp': null, '53/udp': null },
      },
      { what: 'without a protocol: tcp', set: { '81': {} }, shown: { '81/tcp': {} } },
    ],
    [
      refused({ 'x/tcp': {} }, "invalid JSON: invalid port 'x': invalid syntax"),
      refused({ '65536/tcp': {} }, "invalid JSON: invalid port '65536': value out of range"),
      refused({ '/tcp': {} }, "invalid JSON: invalid port '': value is empty"),
      joined({ '80/tcp': {} }, 'port exposing and the container type network mode'),
    ],
  ),
  host(
    'PortBindings',
    [
      {
        what: 'a port of the daemon’s choice',
        set: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        host: bridge,
        see: (x) => x.inspect.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort,
        expect: /^\d+$/,
      },
      {
        what: 'in the host’s network they are discarded',
        set: { '80/tcp': [{ HostIp: '', HostPort: '80' }] },
        host: { NetworkMode: 'host' },
        warns: ['Published ports are discarded when using host network mode'],
      },
      {
        what: 'an empty list: any address and port',
        set: { '80/tcp': [] },
        host: bridge,
        shown: { '80/tcp': [{ HostIp: '', HostPort: '' }] },
        warns: [/^Following container port\(s\) have an empty list of port-bindings: 80\/tcp\./],
      },
    ],
    [
      refused({ '80/tcp': [{ HostPort: 'x' }] }, 'invalid port specification: "x"'),
      refused({ '80/tcp': [{ HostPort: '65536' }] }, 'invalid port specification: "65536"'),
      refused({ '80/tcp': [{ HostPort: '9-8' }] }, 'invalid port specification: "9-8"'),
      refused({ '0/tcp': [{}] }, 'invalid port specification: "0/tcp"'),
      refused({ '80/tcp': [{ HostIp: 'x' }] }, 'invalid JSON: ParseAddr("x"): unable to parse IP'),
      joined({ '80/tcp': [{}] }, 'port publishing and the container type network mode'),
    ],
  ),
  host('PublishAllPorts', [
    {
      set: true,
      config: { ExposedPorts: { '80/tcp': {} } },
      host: bridge,
      see: (x) => x.inspect.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort,
      expect: /^\d+$/,
    },
    {
      set: false,
      config: { ExposedPorts: { '80/tcp': {} } },
      host: bridge,
      see: (x) => x.inspect.NetworkSettings.Ports,
      expect: { '80/tcp': null },
    },
  ]),
  host(
    'ExtraHosts',
    [
      {
        set: ['a:1.2.3.4', 'b:fe80::1'],
        host: bridge,
        see: etc('hosts'),
        expect: /1\.2\.3\.4\ta\nfe80::1\tb\n/,
      },
      {
        what: 'the host’s gateway',
        set: ['gw:host-gateway'],
        host: bridge,
        see: etc('hosts'),
        expect: /^\d+\.\d+\.\d+\.\d+\tgw$/m,
      },
    ],
    [
      refused(['nocolon'], 'bad format for add-host: "nocolon"'),
      refused([':1.2.3.4'], 'bad format for add-host: ":1.2.3.4"'),
      refused(['a:1.2.3'], 'invalid IP address in add-host: "1.2.3"'),
      joined(['a:1.2.3.4'], 'custom host-to-IP mapping and the network mode'),
    ],
  ),
  host(
    'Dns',
    [
      {
        set: ['9.9.9.9'],
        host: bridge,
        see: etc('resolv.conf'),
        expect: /^nameserver 9\.9\.9\.9$/m,
      },
    ],
    [
      refused(['x'], 'invalid JSON: ParseAddr("x"): unable to parse IP'),
      joined(['9.9.9.9'], 'dns and the network mode'),
    ],
  ),
  host('DnsOptions', [
    { set: ['ndots:3'], host: bridge, see: etc('resolv.conf'), expect: /^options ndots:3$/m },
  ]),
  host('DnsSearch', [
    {
      set: ['example.test'],
      host: bridge,
      see: etc('resolv.conf'),
      expect: /^search example\.test$/m,
    },
  ]),
  host(
    'Links',
    [
      { what: 'none', set: [], shown: null },
      {
        set: ['linked:db'],
        host: bridge,
        shown: /^\["\/linked:\/[^/]+\/db"\]$/,
        warns: [/^Links on the default bridge network are deprecated/],
        see: (x) => /^\d+\.\d+\.\d+\.\d+\tdb [0-9a-f]{12} linked$/m.test(x.file('/etc/hosts')),
        expect: true,
      },
    ],
    [
      {
        set: ['nope:db'],
        host: bridge,
        status: 400,
        says: 'could not get container for nope: No such container: nope',
      },
      refused(
        ['donor:d'],
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
        {
          host: { NetworkMode: 'host' },
        },
      ),
      joined(
        ['donor:d'],
        "container type network can't be used with links. This would result in undefined behavior",
      ),
    ],
  ),
]
