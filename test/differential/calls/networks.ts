/** Networks of users: made, refused, shown, connected to, pruned. */
import { attempt, type Call, create, del, get, type Group, post, remove, start } from '../call.ts'

const make = (name: string, body: object = {}): Call =>
  post(`make ${name}`, '/networks/create', { Name: name, ...body }, { save: { [name]: 'Id' } })
const gone = (name: string): Call => del(`delete ${name}`, `/networks/${name}`)
const kept = (name: string): Call => del(`delete ${name} in use`, `/networks/${name}`)
const shown = (name: string): Call => get(`show ${name}`, `/networks/${name}`)
const pools = (...Config: object[]): object => ({ IPAM: { Config } })
const option = (Options: Record<string, string>): object => ({ Options })
const bridge = (key: string, value: string): object =>
  option({ [`com.docker.network.bridge.${key}`]: value })
const sleeper = (EndpointsConfig: object, mode: string): object => ({
  Cmd: ['sleep', '1000'],
  HostConfig: { NetworkMode: mode },
  NetworkingConfig: { EndpointsConfig },
})

/** What is made in the same words as dockerd. */
const kinds: Readonly<Record<string, object>> = {
  'nw-subnet': pools({ Subnet: '10.101.0.0/24' }),
  'nw-range': pools({
    Subnet: '10.102.0.0/24',
    IPRange: '10.102.0.128/25',
    AuxiliaryAddresses: { printer: '10.102.0.130' },
  }),
  'nw-gateway': pools({ Subnet: '10.103.0.0/24', Gateway: '10.103.0.77' }),
  'nw-six': {
    EnableIPv6: true,
    ...pools({ Subnet: '10.104.0.0/24' }, { Subnet: 'fd00:104::/64', Gateway: 'fd00:104::7' }),
  },
  'nw-only-six': { EnableIPv4: false, EnableIPv6: true, ...pools({ Subnet: 'fd00:105::/64' }) },
  'nw-labels': {
    Labels: { a: 'b' },
    Attachable: true,
    IPAM: { Driver: 'default', Options: { x: 'y' }, Config: [{ Subnet: '10.106.0.0/28' }] },
  },
  'nw-internal': { Internal: true, ...pools({ Subnet: '10.107.0.0/24' }) },
  'nw-isolated': {
    Internal: true,
    ...bridge('gateway_mode_ipv4', 'isolated'),
    ...pools({ Subnet: '10.108.0.0/24' }),
  },
  'nw-macvlan': { Driver: 'macvlan', ...option({ parent: 'nosuch0' }) },
  'nw-config': { ConfigOnly: true, Labels: { c: 'd' }, ...pools({ Subnet: '10.109.0.0/24' }) },
  'nw-odd.name_x': pools({ Subnet: '10.110.0.0/24' }),
  'nw-inhibit': { ...bridge('inhibit_ipv4', 'true'), ...pools({ Subnet: '10.111.0.0/24' }) },
  'nw-two': pools({ Subnet: '10.112.0.0/24' }, { Subnet: '10.113.0.0/24' }),
  'nw-zero-aux': pools({ Subnet: '10.114.0.0/24', AuxiliaryAddresses: {} }),
  'nw-tiny': pools({ Subnet: '10.115.0.0/31' }),
  'nw-single': pools({ Subnet: '10.116.0.0/32' }),
}

/** What both refuse. */
const refused: Readonly<Record<string, object>> = {
  empty: { Name: '' },
  blank: { Name: '  ' },
  predefined: { Name: 'host' },
  default: { Name: 'default' },
  driver: { Driver: 'nosuch' },
  overlay: { Driver: 'overlay' },
  'driver host': { Driver: 'host' },
  'driver null': { Driver: 'null' },
  scope: { Scope: 'swarm' },
  'scope odd': { Scope: 'nosuch' },
  ingress: { Ingress: true },
  'no family': { EnableIPv4: false },
  'ipam driver': { IPAM: { Driver: 'nosuch' } },
  'ipam null': { IPAM: { Driver: 'null' } },
  'host bits': pools({ Subnet: '10.120.0.1/24' }),
  'several mistakes': pools({
    Subnet: '10.121.0.1/24',
    IPRange: '10.122.0.1/16',
    Gateway: '10.123.0.1',
    AuxiliaryAddresses: { a: 'fd00::1' },
  }),
  'gateway alone': pools({ Gateway: '10.124.0.1' }),
  'range alone': pools({ IPRange: '10.124.0.0/24' }),
  'no subnet': pools({ Subnet: 'x' }),
  'subnet without length': pools({ Subnet: '10.0.0.0' }),
  'bad gateway': pools({ Subnet: '10.124.0.0/24', Gateway: 'x' }),
  'gateway is the network': pools({ Subnet: '10.124.0.0/24', Gateway: '10.124.0.0' }),
  'aux is the gateway': pools({
    Subnet: '10.124.0.0/24',
    Gateway: '10.124.0.1',
    AuxiliaryAddresses: { a: '10.124.0.1' },
  }),
  'range of IPv6': pools({ Subnet: '10.124.0.0/24', IPRange: 'fd00::/64' }),
  'gateway of IPv6': pools({ Subnet: '10.124.0.0/24', Gateway: 'fd00::1' }),
  multicast: { EnableIPv6: true, ...pools({ Subnet: 'ff02::/64' }) },
  'link local': { EnableIPv6: true, ...pools({ Subnet: 'fe80::/80' }) },
  icc: bridge('enable_icc', 'maybe'),
  masquerade: bridge('enable_ip_masquerade', ''),
  mtu: option({ 'com.docker.network.driver.mtu': 'x' }),
  'negative mtu': option({ 'com.docker.network.driver.mtu': '-1' }),
  binding: bridge('host_binding_ipv4', 'x'),
  'gateway mode': bridge('gateway_mode_ipv4', 'x'),
  isolated: bridge('gateway_mode_ipv6', 'isolated'),
  'enable option': option({ 'com.docker.network.enable_ipv6': 'x' }),
  'no bridge': bridge('name', 'lo'),
  'config and internal': { ConfigOnly: true, Internal: true },
  'config from nobody': { ConfigFrom: { Network: 'nosuch' } },
  'config from and labels': { ConfigFrom: { Network: 'nosuch' }, Labels: { a: 'b' } },
  'config from and options': { ConfigFrom: { Network: 'nosuch' }, Options: { a: 'b' } },
  'config both': { ConfigOnly: true, ConfigFrom: { Network: 'nosuch' } },
  'macvlan mode': { Driver: 'macvlan', Options: { macvlan_mode: 'x' } },
  'macvlan loopback': { Driver: 'macvlan', Options: { parent: 'lo' } },
  'macvlan parent': { Driver: 'macvlan', Options: { parent: 'nosuch0' } },
  'macvlan vlan': { Driver: 'macvlan', Options: { parent: 'nosuch0.5' } },
  'macvlan vlan id': { Driver: 'macvlan', Options: { parent: 'lo.5000' } },
  'ipvlan mode': { Driver: 'ipvlan', Options: { ipvlan_mode: 'x' } },
  'ipvlan flag': { Driver: 'ipvlan', Options: { ipvlan_flag: 'x' } },
}

const settings: Readonly<Record<string, object>> = {
  'address on the bridge': { IPAMConfig: { IPv4Address: '172.17.0.9' } },
  'outside the subnet': { IPAMConfig: { IPv4Address: '10.9.0.9' } },
  'IPv6 for IPv4': { IPAMConfig: { IPv4Address: 'fd00::9' } },
  'no link local': { IPAMConfig: { LinkLocalIPs: ['10.0.0.1'] } },
  sysctl: { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.eth0.x=1' } },
  'several mistakes': { IPAMConfig: { IPv4Address: '0.0.0.0', IPv6Address: '10.0.0.1' } },
}

const connect = (name: string, network: string, Container: string, EndpointConfig?: object): Call =>
  post(name, `/networks/${network}/connect`, { Container, EndpointConfig })
const disconnect = (name: string, network: string, Container: string, Force?: boolean): Call =>
  post(name, `/networks/${network}/disconnect`, { Container, Force })
const networksOf = (when: string, name: string): Call =>
  get(`inspect ${name} ${when}`, `/containers/${name}/json`)

export const networks: readonly Group[] = [
  ...Object.entries(kinds).map(([name, body]) => ({
    name: `network ${name}`,
    calls: [make(name, body), shown(name), gone(name)],
  })),
  {
    name: 'network refused',
    calls: Object.entries(refused).map(([name, body]) =>
      post(name, '/networks/create', { Name: 'nw-refused', ...body }),
    ),
  },
  {
    name: 'network clashes',
    calls: [
      make('nc-first', pools({ Subnet: '10.130.0.0/24' })),
      post('same name', '/networks/create', { Name: 'nc-first' }),
      post(
        'same subnet',
        '/networks/create',
        { Name: 'nc-x', ...pools({ Subnet: '10.130.0.0/24' }) },
        { statusOnly: true },
      ),
      post(
        'wider subnet',
        '/networks/create',
        { Name: 'nc-x', ...pools({ Subnet: '10.128.0.0/9' }) },
        { statusOnly: true },
      ),
      get('unknown', '/networks/nosuch'),
      del('delete unknown', '/networks/nosuch'),
      del('delete bridge', '/networks/bridge'),
      get('by prefix', '/networks/{nc-first}'),
      get('swarm', '/networks/nc-first?scope=swarm'),
      get('verbose', '/networks/nc-first?verbose=true'),
      gone('nc-first'),
    ],
  },
  {
    name: 'network templates',
    calls: [
      make('nt-template', { ConfigOnly: true, ...pools({ Subnet: '10.131.0.0/24' }) }),
      make('nt-made', { ConfigFrom: { Network: 'nt-template' } }),
      shown('nt-made'),
      kept('nt-template'),
      attempt('nt-box', sleeper({}, 'nt-template')),
      post('start on a template', '/containers/nt-box/start'),
      remove('nt-box'),
      gone('nt-made'),
      gone('nt-template'),
    ],
  },
  {
    name: 'network of a container',
    calls: [
      make('nx-a', pools({ Subnet: '10.132.0.0/24' })),
      make('nx-b', pools({ Subnet: '10.133.0.0/24' })),
      create('nx-box', sleeper({ 'nx-a': { Aliases: ['alias'] } }, 'nx-a')),
      networksOf('created', 'nx-box'),
      start('nx-box'),
      networksOf('started', 'nx-box'),
      shown('nx-a'),
      kept('nx-a'),
      connect('again', 'nx-a', 'nx-box'),
      connect('second', 'nx-b', 'nx-box', { Aliases: ['other'], GwPriority: 3 }),
      networksOf('on both', 'nx-box'),
      connect('unknown network', 'nosuch', 'nx-box'),
      connect('unknown container', 'nx-b', 'nosuch'),
      connect('to host', 'host', 'nx-box'),
      connect('to none', 'none', 'nx-box'),
      ...Object.entries(settings).map(([name, config]) =>
        name.endsWith('bridge')
          ? { ...connect(name, 'bridge', 'nx-box', config), statusOnly: true as const }
          : connect(name, 'nx-b', 'nx-box', config),
      ),
      disconnect('first', 'nx-a', 'nx-box'),
      disconnect('first again', 'nx-a', 'nx-box'),
      disconnect('from nobody', 'nosuch', 'nx-box'),
      disconnect('nobody', 'nx-a', 'nosuch'),
      networksOf('on one', 'nx-box'),
      post('stop', '/containers/nx-box/stop?t=0'),
      networksOf('stopped', 'nx-box'),
      connect('stopped', 'nx-a', 'nx-box', { Aliases: ['late'] }),
      connect('stopped again', 'nx-a', 'nx-box'),
      disconnect('stopped off', 'nx-b', 'nx-box'),
      disconnect('stopped off again', 'nx-b', 'nx-box'),
      networksOf('moved', 'nx-box'),
      remove('nx-box'),
      gone('nx-a'),
      gone('nx-b'),
    ],
  },
  {
    name: 'network of hosts and others',
    calls: [
      make('nh-a', pools({ Subnet: '10.134.0.0/24' })),
      create('nh-host', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'host' } }),
      start('nh-host'),
      connect('host to a network', 'nh-a', 'nh-host'),
      disconnect('host off host', 'host', 'nh-host'),
      create('nh-none', { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } }),
      start('nh-none'),
      connect('none to a network', 'nh-a', 'nh-none'),
      disconnect('none off none', 'none', 'nh-none'),
      connect('then to a network', 'nh-a', 'nh-none'),
      create('nh-joined', {
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'container:nh-none' },
      }),
      start('nh-joined'),
      connect('joined to a network', 'nh-a', 'nh-joined'),
      remove('nh-joined'),
      remove('nh-host'),
      remove('nh-none'),
      gone('nh-a'),
    ],
  },
  {
    name: 'network addresses',
    calls: [
      make('na-a', pools({ Subnet: '10.135.0.0/24' })),
      create(
        'na-fixed',
        sleeper({ 'na-a': { IPAMConfig: { IPv4Address: '10.135.0.40' } } }, 'na-a'),
      ),
      start('na-fixed'),
      networksOf('fixed', 'na-fixed'),
      create(
        'na-same',
        sleeper({ 'na-a': { IPAMConfig: { IPv4Address: '10.135.0.40' } } }, 'na-a'),
      ),
      post('address taken', '/containers/na-same/start', undefined, { statusOnly: true }),
      attempt('na-out', sleeper({ 'na-a': { IPAMConfig: { IPv4Address: '10.9.0.1' } } }, 'na-a')),
      attempt(
        'na-bridge',
        sleeper({ bridge: { IPAMConfig: { IPv4Address: '10.9.0.1' }, Aliases: ['x'] } }, 'bridge'),
      ),
      attempt('na-unknown', sleeper({}, 'nosuch')),
      start('na-unknown'),
      remove('na-unknown'),
      remove('na-fixed'),
      remove('na-same'),
      gone('na-a'),
    ],
  },
]
