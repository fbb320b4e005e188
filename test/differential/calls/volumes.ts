/** Volumes with driver options, and mounts of every type: accepted, shown, mounted, refused. */
import {
  attempt,
  type Call,
  create,
  del,
  get,
  type Group,
  post,
  remove,
  start,
  wait,
} from '../call.ts'

const host = (HostConfig: object): object => ({
  Cmd: ['true'],
  HostConfig: { NetworkMode: 'none', ...HostConfig },
})

/** Created, inspected, started, waited for, removed; each may be refused. */
function life(name: string, body: object): Call[] {
  return [
    attempt(name, body),
    get(`inspect ${name}`, `/containers/${name}/json`),
    start(name),
    wait(name),
    get(`inspect ended ${name}`, `/containers/${name}/json`, undefined, { statusOnly: true }),
    remove(name),
  ]
}

const volume = (Name: string, DriverOpts: object): Call =>
  post(`volume ${Name}`, '/volumes/create', { Name, DriverOpts })
const gone = (name: string): Call => del(`volume ${name} removed`, `/volumes/${name}`)

const options: Readonly<Record<string, object>> = {
  'vo-tmpfs': { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7' },
  'vo-bind': { type: 'none', device: '/tmp', o: 'bind' },
  'vo-nowhere': { type: 'none', device: '/no/such/dir', o: 'bind' },
  'vo-nofs': { type: 'nosuchfs', device: 'x', o: 'a=b,ro' },
  'vo-nodev': { type: 'ext4', device: '/no/such/device' },
  'vo-badopt': { type: 'tmpfs', device: 'tmpfs', o: 'bogus=1' },
  'vo-password': { type: 'cifs', device: '//127.0.0.1/x', o: 'username=a,password=b' },
  'vo-empty': { type: '', device: '', o: '' },
  'vo-nodevice': { type: 'tmpfs', device: '' },
}

const refusedOptions: Readonly<Record<string, object>> = {
  'vr-type': { type: 'tmpfs' },
  'vr-device': { device: '/x' },
  'vr-o': { o: 'ro', type: 'tmpfs' },
  'vr-unknown': { mode: '7' },
  'vr-size': { size: 'x' },
  'vr-quota': { size: '1m' },
  'vr-zero': { size: '0' },
  'vr-cifs': { type: 'cifs', device: '//nas:445/x' },
}

const vol = (rest: object): object => ({ Type: 'volume', Target: '/v', ...rest })
const bind = (rest: object): object => ({ Type: 'bind', Source: '/tmp', Target: '/b', ...rest })
const tmpfs = (rest: object): object => ({ Type: 'tmpfs', Target: '/t', ...rest })

const mounts: Readonly<Record<string, object>> = {
  subpath: vol({ Source: 'mt-v', VolumeOptions: { Subpath: 'no/such' } }),
  'subpath-outside': vol({ Source: 'mt-v', VolumeOptions: { Subpath: '../x' } }),
  'subpath-absolute': vol({ Source: 'mt-v', VolumeOptions: { Subpath: '/x' } }),
  'subpath-anonymous': vol({ VolumeOptions: { Subpath: 'x' } }),
  nocopy: vol({ Source: 'mt-v', VolumeOptions: { NoCopy: true, Labels: { a: 'b' } } }),
  'read-only': vol({ Source: 'mt-v', ReadOnly: true }),
  'bad-volume-name': vol({ Source: '!' }),
  'volume-options': vol({
    Source: 'mt-o',
    VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'tmpfs', device: 'tmpfs' } } },
  }),
  'volume-bad-options': vol({
    Source: 'mt-p',
    VolumeOptions: { DriverConfig: { Options: { nope: 'x' } } },
  }),
  root: vol({ Target: '/' }),
  'root-by-dots': vol({ Target: '/x/..' }),
  relative: vol({ Target: 'x' }),
  'bind-relative': bind({ Source: 'tmp' }),
  'bind-no-source': bind({ Source: '' }),
  'bind-propagation': bind({ BindOptions: { Propagation: 'nope' } }),
  'bind-shared': bind({ BindOptions: { Propagation: 'rshared' } }),
  'bind-slave': bind({ BindOptions: { Propagation: 'slave' } }),
  'bind-private': bind({ BindOptions: { Propagation: 'private' } }),
  'bind-nonrecursive': bind({ ReadOnly: true, BindOptions: { NonRecursive: true } }),
  'bind-top': bind({ ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }),
  'bind-forced': bind({ ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } }),
  'bind-top-writable': bind({ BindOptions: { ReadOnlyNonRecursive: true } }),
  'bind-forced-writable': bind({ BindOptions: { ReadOnlyForceRecursive: true } }),
  'bind-both': bind({
    ReadOnly: true,
    BindOptions: { ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true },
  }),
  'bind-consistency': bind({ Consistency: 'delegated' }),
  'bind-file': bind({ Source: '/etc/hostname', Target: '/etc/some-name' }),
  'bind-of-root': bind({ Source: '/' }),
  tmpfs: tmpfs({ TmpfsOptions: { SizeBytes: 3 << 20, Mode: 0o700, Options: [['exec']] } }),
  'tmpfs-ro': tmpfs({ ReadOnly: true }),
  'tmpfs-option': tmpfs({ TmpfsOptions: { Options: [['uid', '5']] } }),
  'tmpfs-option-none': tmpfs({ TmpfsOptions: { Options: [[]] } }),
  'tmpfs-option-three': tmpfs({ TmpfsOptions: { Options: [['exec', 'a', 'b']] } }),
  npipe: { Type: 'npipe', Source: 'x', Target: '/x' },
  cluster: { Type: 'cluster', Source: 'x', Target: '/x' },
}

const binds: Readonly<Record<string, string[]>> = {
  everything: ['/tmp:/a:ro,z,rprivate,consistent', 'bn-v:/b:nocopy,Z,ro'],
  shared: ['/tmp:/a:shared'],
  slave: ['/tmp:/a:rslave'],
  twice: ['/tmp:/a', 'bn-v:/a'],
  'twice-by-dots': ['/tmp:/a', 'bn-v:/b/../a/'],
  root: ['/tmp:/'],
  relative: ['/tmp:a'],
  'volume-relative': ['bn-v:a'],
  'no-target': ['/tmp:'],
  'mode-only': ['/tmp:ro'],
  'mode-twice': ['/tmp:/a:ro,rw'],
  'mode-unknown': ['/tmp:/a:nope'],
  'volume-propagation': ['bn-v:/a:shared'],
  'bind-nocopy': ['/tmp:/a:nocopy'],
  'four-parts': ['/tmp:/a:ro:z'],
  empty: [''],
  nested: ['/tmp:/a/b/c', 'bn-v:/a'],
}

export const volumes: readonly Group[] = [
  {
    name: 'volume options',
    calls: Object.entries(options).flatMap(([name, opts]) => [
      volume(name, opts),
      get(`inspect ${name}`, `/volumes/${name}`),
      ...life(`c-${name}`, host({ Binds: [`${name}:/v`] })),
      gone(name),
    ]),
  },
  {
    name: 'volume options refused',
    calls: [
      ...Object.entries(refusedOptions).map(([name, opts]) => volume(name, opts)),
      gone('vr-zero'),
    ],
  },
  {
    name: 'volume update, names',
    calls: [
      post('cluster', '/volumes/create', { Name: 'vn', ClusterVolumeSpec: {} }),
      { name: 'update', method: 'PUT', path: '/volumes/vn?version=1', body: {} },
      { name: 'update without version', method: 'PUT', path: '/volumes/vn', body: {} },
      post('short', '/volumes/create', { Name: 'x' }),
      post('slash', '/volumes/create', { Name: 'a/b' }),
      post('long', '/volumes/create', { Name: 'v'.repeat(300) }),
      post('by default', '/volumes/create', { Name: 'vn2', Driver: '' }),
      post('again with options', '/volumes/create', {
        Name: 'vn2',
        DriverOpts: { type: 'tmpfs', device: 'tmpfs' },
      }),
      get('list of several filters', '/volumes?filters={"name":["vn2","nope"],"driver":["local"]}'),
      get('dangling nonsense', '/volumes?filters={"dangling":["x"]}'),
      post('prune with all twice', '/volumes/prune?filters={"all":["1","0"]}'),
      post('prune with all nonsense', '/volumes/prune?filters={"all":["x"]}'),
      gone('vn2'),
    ],
  },
  ...Object.entries(mounts).map(([name, mount]) => ({
    name: `mount ${name}`,
    calls: [
      ...life(`mt-${name}`, host({ Mounts: [mount] })),
      del('volume', '/volumes/mt-v?force=1'),
      del('other volume', '/volumes/mt-o?force=1'),
    ],
  })),
  ...Object.entries(binds).map(([name, Binds]) => ({
    name: `bind ${name}`,
    calls: [...life(`bn-${name}`, host({ Binds })), del('volume', '/volumes/bn-v?force=1')],
  })),
  {
    name: 'mounts of several kinds',
    calls: [
      ...life('mk-twice', host({ Binds: ['/tmp:/a'], Mounts: [bind({ Target: '/a/' })] })),
      ...life('mk-tmpfs', host({ Tmpfs: { '/a': '' }, Binds: ['/tmp:/a'] })),
      ...life('mk-tmpfs-mount', host({ Tmpfs: { '/b': '' }, Mounts: [bind({})] })),
      ...life(
        'mk-driver',
        host({
          VolumeDriver: 'local',
          Binds: ['mk-v:/v'],
          Mounts: [vol({ Source: 'mk-w', Target: '/w' })],
        }),
      ),
      ...life('mk-image', { ...host({}), Volumes: { '/bin/sh': {} } }),
      ...life('mk-relative', { ...host({}), Volumes: { x: {} } }),
      ...life('mk-root', { ...host({}), Volumes: { '/': {} } }),
      create('mk-donor', {
        ...host({ Binds: ['mk-v:/v', '/tmp:/h:ro'] }),
        Volumes: { '/anon': {} },
      }),
      ...life('mk-from', host({ VolumesFrom: ['mk-donor'], Binds: ['mk-w:/v'] })),
      ...life('mk-from-ro', {
        ...host({ VolumesFrom: ['mk-donor:ro'] }),
        Volumes: { '/anon': {} },
      }),
      ...life('mk-from-z', host({ VolumesFrom: ['mk-donor:z'] })),
      ...life('mk-from-shared', host({ VolumesFrom: ['mk-donor:shared'] })),
      ...life('mk-from-nocopy', host({ VolumesFrom: ['mk-donor:nocopy'] })),
      ...life('mk-from-empty', host({ VolumesFrom: [''] })),
      remove('mk-donor'),
      gone('mk-v'),
      gone('mk-w'),
    ],
  },
]
