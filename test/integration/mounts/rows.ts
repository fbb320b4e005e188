/** Every type of mount with every option: what the container's mountinfo shows, and what it may do. */

/** Of one line of /proc/self/mountinfo. */
export interface Shown {
  type?: string
  /** Words of the mount's own options that are there, or with `!` are not. */
  options?: string
  /** Of the file system's. */
  superOptions?: string
  /** `shared`, `master`: which optional fields there are. */
  peers?: string
  /** Directory within the file system. */
  root?: RegExp
}

export interface Row {
  what: string
  /** `{host}` in strings is the directory of the world. */
  set: object
  /** Of the container's config. */
  config?: object
  /** API version. */
  version?: string
  /** Target → what is shown of it; undefined: nothing is mounted there. */
  shown?: Readonly<Record<string, Shown | undefined>>
  script?: string
  /** Of the script. */
  prints?: string | RegExp
  /** Refused, at create or at start. */
  refused?: [status: number, sentence: RegExp]
}

const bind = (options: object = {}, rest: object = {}): object => ({
  Mounts: [{ Type: 'bind', Source: '{host}/plain', Target: '/b', ...rest, BindOptions: options }],
})
const tree = (options: object, rest: object = {}): object =>
  bind(options, { Source: '{host}/tree', ...rest })
const volume = (options: object, rest: object = {}): object => ({
  Mounts: [{ Type: 'volume', Source: 'rows', Target: '/v', ...rest, VolumeOptions: options }],
})
const tmpfs = (options: object, rest: object = {}): object => ({
  Mounts: [{ Type: 'tmpfs', Target: '/t', ...rest, TmpfsOptions: options }],
})
const write = (path: string): string => `touch ${path} 2>/dev/null && echo rw || echo ro`

const propagations: ReadonlyArray<[word: string, source: string, peers: string]> = [
  ['private', 'shared', ''],
  ['rprivate', 'shared', ''],
  ['slave', 'shared', 'master'],
  ['rslave', 'shared', 'master'],
  ['shared', 'shared', 'shared'],
  ['rshared', 'shared', 'shared'],
  ['rslave', 'slave', 'master'],
  ['', 'shared', ''],
]

export const rows: readonly Row[] = [
  // ---- binds ----
  {
    what: 'a bind',
    set: { Binds: ['{host}/plain:/b'] },
    shown: { '/b': { options: 'rw' } },
    script: `cat /b/f; ${write('/b/f')}`,
    prints: 'plainrw\n',
  },
  {
    what: 'read-only',
    set: { Binds: ['{host}/plain:/b:ro'] },
    shown: { '/b': { options: 'ro' } },
    script: write('/b/f'),
    prints: 'ro\n',
  },
  ...['z', 'Z', 'consistent', 'cached', 'delegated', 'rw,z,cached'].map((mode): Row => ({
    what: `mode ${mode}`,
    set: { Binds: [`{host}/plain:/b:${mode}`] },
    shown: { '/b': { options: 'rw' } },
  })),
  {
    what: 'by --mount',
    set: bind(),
    shown: { '/b': { options: 'rw' } },
    script: 'cat /b/f',
    prints: 'plain',
  },
  {
    what: 'by --mount, consistency',
    set: bind({}, { Consistency: 'cached' }),
    shown: { '/b': { options: 'rw' } },
  },
  ...propagations.map(([word, source, peers]): Row => ({
    what: `propagation ${word || 'unsaid'} of a ${source} mount`,
    set: { Binds: [`{host}/${source}:/b${word && `:${word}`}`] },
    shown: { '/b': { peers } },
  })),
  ...propagations
    .filter(([word]) => word !== '')
    .map(([Propagation, source, peers]): Row => ({
      what: `propagation ${Propagation} of a ${source} mount by --mount`,
      set: bind({ Propagation }, { Source: `{host}/${source}` }),
      shown: { '/b': { peers } },
    })),
  ...['shared', 'rshared', 'slave', 'rslave'].map((word): Row => ({
    what: `${word} of a private mount`,
    set: { Binds: [`{host}/plain:/b:${word}`] },
    refused: [
      500,
      /^path .*\/plain is mounted on .*\/host but it is not a shared( or slave)? mount$/,
    ],
  })),
  {
    what: 'shared of a slave',
    set: { Binds: ['{host}/slave:/b:shared'] },
    refused: [500, /is not a shared mount$/],
  },
  {
    what: 'submounts come along',
    set: tree({}),
    shown: { '/b': {}, '/b/sub': { type: 'tmpfs', options: 'rw' } },
    script: `cat /b/sub/inner; ${write('/b/sub/x')}`,
    prints: 'innerrw\n',
  },
  {
    what: 'not recursive',
    set: tree({ NonRecursive: true }),
    shown: { '/b': {}, '/b/sub': undefined },
    script: 'ls /b/sub',
    prints: '',
  },
  {
    what: 'read-only with submounts',
    set: tree({}, { ReadOnly: true }),
    shown: { '/b': { options: 'ro' }, '/b/sub': { options: 'ro' } },
    script: `${write('/b/x')}; ${write('/b/sub/x')}`,
    prints: 'ro\nro\n',
  },
  {
    what: 'read-only, submounts writable',
    set: tree({ ReadOnlyNonRecursive: true }, { ReadOnly: true }),
    shown: { '/b': { options: 'ro' }, '/b/sub': { options: 'rw' } },
    script: `${write('/b/x')}; ${write('/b/sub/x')}`,
    prints: 'ro\nrw\n',
  },
  {
    what: 'read-only by force',
    set: tree({ ReadOnlyForceRecursive: true, Propagation: 'rprivate' }, { ReadOnly: true }),
    shown: { '/b': { options: 'ro' }, '/b/sub': { options: 'ro' } },
  },
  {
    what: 'read-only, not recursive',
    set: tree({ NonRecursive: true }, { ReadOnly: true }),
    shown: { '/b': { options: 'ro' }, '/b/sub': undefined },
  },
  {
    what: 'read-only before 1.44',
    version: 'v1.43',
    set: tree({}, { ReadOnly: true }),
    shown: { '/b': { options: 'ro' }, '/b/sub': { options: 'rw' } },
  },
  {
    what: '-v read-only with submounts',
    set: { Binds: ['{host}/tree:/b:ro'] },
    shown: { '/b': { options: 'ro' }, '/b/sub': { options: 'ro' } },
  },
  {
    what: 'read-only without saying so',
    set: tree({ ReadOnlyNonRecursive: true }),
    refused: [500, /^mount options conflict: !ReadOnly && BindOptions\.ReadOnlyNonRecursive$/],
  },
  {
    what: 'forced without saying so',
    set: tree({ ReadOnlyForceRecursive: true }),
    refused: [500, /^mount options conflict: !ReadOnly && BindOptions\.ReadOnlyForceRecursive$/],
  },
  {
    what: 'forced before 1.44',
    version: 'v1.43',
    set: tree({ ReadOnlyForceRecursive: true }, { ReadOnly: true }),
    refused: [400, /^BindOptions\.ReadOnlyForceRecursive needs API v1\.44 or newer$/],
  },
  {
    what: 'a file',
    set: { Binds: ['{host}/file:/etc/deep/file:ro'] },
    shown: { '/etc/deep/file': { options: 'ro', root: /\/file$/ } },
    script: `cat /etc/deep/file; ${write('/etc/deep/file')}`,
    prints: 'a filero\n',
  },
  {
    what: 'a file over a file',
    set: { Binds: ['{host}/file:/etc/passwd'] },
    script: 'cat /etc/passwd',
    prints: 'a file',
  },
  {
    what: 'a file over a directory',
    set: { Binds: ['{host}/file:/etc'] },
    refused: [400, /not a directory.*Are you trying to mount a directory onto a file/],
  },
  {
    what: 'a directory over a file',
    set: { Binds: ['{host}/plain:/etc/passwd'] },
    refused: [400, /not a directory.*Are you trying to mount a directory onto a file/],
  },
  {
    what: 'a socket',
    set: { Binds: ['{host}/socket:/s'] },
    script: 'stat -c %F /s',
    prints: 'socket\n',
  },
  {
    what: '-v makes a missing directory',
    set: { Binds: ['{host}/made/deep:/b'] },
    script: 'stat -c "%a %u %F" /b',
    prints: '755 0 directory\n',
  },
  {
    what: '--mount does not',
    set: bind({}, { Source: '{host}/missing' }),
    refused: [
      400,
      /^invalid mount config for type "bind": bind source path does not exist: .*\/host\/missing$/,
    ],
  },
  {
    what: '--mount does with bind-create-src',
    set: bind({ CreateMountpoint: true }, { Source: '{host}/made2/deep' }),
    script: 'stat -c "%a %F" /b',
    prints: '755 directory\n',
  },
  {
    what: 'below a file',
    set: { Binds: ['{host}/file/x:/b'] },
    refused: [
      500,
      /^error while creating mount source path '.*\/file\/x': mkdir .*: not a directory$/,
    ],
  },
  {
    what: 'nested, the inner one named first',
    set: { Binds: ['{host}/plain:/o/sub/in', '{host}/tree:/o', '{host}/file:/o/sub/in/f:ro'] },
    script: 'cat /o/sub/in/f; ls /o',
    prints: 'a filesub\n',
  },
  {
    what: 'over what Docker mounts',
    set: { Binds: ['{host}/plain:/dev/shm', '{host}/file:/etc/hosts'] },
    script: 'cat /dev/shm/f /etc/hosts; mount | grep -c " /dev/shm "',
    prints: 'plaina file1\n',
  },
  {
    what: 'over /proc',
    set: { Binds: ['{host}/plain:/proc/self'] },
    refused: [500, /error mounting .*\/plain/],
  },
  {
    what: 'the host',
    set: { Binds: ['/:/host:ro'] },
    script: 'test -d /host/proc && echo yes',
    prints: 'yes\n',
  },
  // ---- ids ----
  {
    what: 'ids: the owner is the user',
    set: { Binds: ['{host}/owned:/b:idmap'] },
    shown: { '/b': { options: 'idmapped' } },
    script: 'stat -c "%u:%g" /b /b/f; touch /b/new; stat -c "%u:%g" /b/new',
    prints: '0:0\n0:0\n0:0\n',
  },
  {
    what: "ids: on the host they are the owner's",
    set: { Binds: ['{host}/owned:/b', '{host}/owned:/c:idmap,ro'] },
    script: `stat -c "%u:%g" /b/new; ${write('/c/x')}`,
    prints: '1000:1000\nro\n',
  },
  {
    what: 'ids: of another user',
    config: { User: '7:8' },
    set: bind({ IDMap: '' }, { Source: '{host}/owned' }),
    script: 'stat -c "%u:%g" /b/f; echo x > /b/seven; stat -c "%u:%g" /b/seven',
    prints: '7:8\n7:8\n',
  },
  {
    what: 'ids: by ranges',
    set: { Binds: ['{host}/owned:/b:idmap=uids=1000-5-1#0-10-5;gids=1000-6-1'] },
    script: 'stat -c "%u:%g" /b/f',
    prints: '5:6\n',
  },
  {
    what: 'ids: those without a place',
    set: { Binds: ['{host}/owned:/b:idmap=uids=1-1-1;gids=1-1-1'] },
    script: 'stat -c "%u:%g" /b/f; echo x > /b/none || echo refused',
    prints: /^65534:65534\n(sh: .*\n)?refused\n/,
  },
  {
    what: 'ids: of a volume',
    set: { Binds: ['rows:/v:idmap=uids=0-33-1;gids=0-44-1'] },
    script: 'stat -c "%u:%g" /v',
    prints: '33:44\n',
  },
  {
    what: 'ids: on a file system that cannot',
    set: { Binds: ['/proc:/b:idmap=uids=0-1-1;gids=0-1-1'] },
    refused: [
      500,
      /failed to set MOUNT_ATTR_IDMAP on \/proc: invalid argument \(maybe the filesystem/,
    ],
  },
  {
    what: 'ids: nonsense',
    set: { Binds: ['{host}/owned:/b:idmap=x'] },
    refused: [500, /^invalid mode: idmap=x: invalid idmap "x"/],
  },
  {
    what: 'ids: nonsense by --mount',
    set: bind({ IDMap: 'uids=1-1-0' }),
    refused: [400, /^invalid mount config for type "bind": invalid idmap range "1-1-0"/],
  },
  // ---- volumes ----
  {
    what: 'a volume',
    set: { Binds: ['rows:/v'] },
    shown: { '/v': { options: 'rw', root: /rows\/_data$/ } },
    script: write('/v/x'),
    prints: 'rw\n',
  },
  {
    what: 'a volume read-only',
    set: { Binds: ['rows:/v:ro'] },
    shown: { '/v': { options: 'ro' } },
    script: write('/v/x'),
    prints: 'ro\n',
  },
  {
    what: 'a volume read-only by --mount',
    set: volume({}, { ReadOnly: true }),
    shown: { '/v': { options: 'ro' } },
  },
  {
    what: 'anonymous by -v',
    set: { Binds: ['/v'] },
    shown: { '/v': { root: /[0-9a-f]{64}\/_data$/ } },
  },
  {
    what: 'anonymous by --mount',
    set: { Mounts: [{ Type: 'volume', Target: '/v' }] },
    shown: { '/v': { root: /[0-9a-f]{64}\/_data$/ } },
  },
  {
    what: 'anonymous by VOLUME, relative',
    set: {},
    config: { Volumes: { v: {} } },
    shown: { '/v': { root: /[0-9a-f]{64}\/_data$/ } },
  },
  {
    what: 'filled from the image',
    set: { Binds: ['filled:/etc'] },
    script: 'grep -c ^root: /etc/passwd',
    prints: '1\n',
  },
  {
    what: 'not filled',
    set: { Binds: ['unfilled:/etc:nocopy'] },
    script: 'ls /etc',
    prints: 'hostname\nhosts\nmtab\nresolv.conf\n',
  },
  {
    what: 'not filled by --mount',
    set: {
      Mounts: [
        { Type: 'volume', Source: 'unfilled2', Target: '/etc', VolumeOptions: { NoCopy: true } },
      ],
    },
    script: 'cat /etc/passwd 2>/dev/null || echo none',
    prints: 'none\n',
  },
  {
    what: 'a directory of a volume',
    set: { Binds: ['sub:/all'], Mounts: [] },
    script:
      'mkdir -p /all/a/b; echo deep > /all/a/b/f; ln -s / /all/link; ln -s a /all/rel; echo x > /all/file',
    prints: '',
  },
  {
    what: 'subpath',
    set: volume({ Subpath: 'a/b' }, { Source: 'sub' }),
    shown: { '/v': { root: /sub\/_data\/a\/b$/ } },
    script: 'cat /v/f',
    prints: 'deep\n',
  },
  {
    what: 'subpath of a file',
    set: volume({ Subpath: 'file' }, { Source: 'sub', ReadOnly: true }),
    script: `cat /v; ${write('/v')}`,
    prints: 'x\nro\n',
  },
  {
    what: 'subpath with dots',
    set: volume({ Subpath: 'a/../a/b' }, { Source: 'sub' }),
    script: 'cat /v/f',
    prints: 'deep\n',
  },
  {
    what: 'subpath missing',
    set: volume({ Subpath: 'nope' }, { Source: 'sub' }),
    refused: [404, /^cannot access path .*\/volumes\/sub\/_data\/nope: no such file or directory$/],
  },
  {
    what: 'subpath through a link',
    set: volume({ Subpath: 'link/etc' }, { Source: 'sub' }),
    refused: [404, /^cannot access path .*_data\/link\/etc: too many levels of symbolic links$/],
  },
  {
    what: 'subpath that is a link',
    set: volume({ Subpath: 'rel' }, { Source: 'sub' }),
    refused: [404, /too many levels of symbolic links$/],
  },
  {
    what: 'subpath outside',
    set: volume({ Subpath: '../x' }, { Source: 'sub' }),
    refused: [
      400,
      /^invalid mount config for type "volume": subpath must be a relative path within the volume$/,
    ],
  },
  {
    what: 'subpath of nothing',
    set: { Mounts: [{ Type: 'volume', Target: '/v', VolumeOptions: { Subpath: 'a' } }] },
    refused: [400, /must not set Subpath when using anonymous volumes$/],
  },
  {
    what: 'subpath before 1.45',
    version: 'v1.44',
    set: volume({ Subpath: 'a' }, { Source: 'sub' }),
    refused: [400, /^VolumeOptions\.Subpath needs API v1\.45 or newer$/],
  },
  {
    what: 'a volume with a device',
    set: volume(
      { DriverConfig: { Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=2m,noexec' } } },
      { Source: 'ram' },
    ),
    shown: { '/v': { type: 'tmpfs', options: 'noexec', superOptions: 'size=2048k' } },
    script: 'mkdir /v/x',
    prints: '',
  },
  {
    what: 'a volume with a device, read-only',
    set: volume({}, { Source: 'ram', ReadOnly: true }),
    shown: { '/v': { type: 'tmpfs', options: 'ro noexec' } },
  },
  {
    what: 'a volume of a size',
    set: volume({ DriverConfig: { Options: { size: '1g' } } }, { Source: 'sized' }),
    refused: [400, /^create sized: quota size requested but no quota support$/],
  },
  {
    what: 'unknown driver',
    set: { Binds: ['foreign:/v'], VolumeDriver: 'nope' },
    refused: [
      404,
      /^create foreign: error looking up volume plugin nope: plugin "nope" not found$/,
    ],
  },
  // ---- tmpfs ----
  {
    what: 'a tmpfs',
    set: tmpfs({}),
    shown: { '/t': { type: 'tmpfs', options: 'rw nosuid nodev noexec' } },
    script: 'stat -c %a /t',
    prints: '1777\n',
  },
  {
    what: 'tmpfs of a size and mode',
    set: tmpfs({ SizeBytes: 2 << 20, Mode: 0o700 }),
    shown: { '/t': { superOptions: 'size=2048k mode=700' } },
    script: 'stat -c %a /t',
    prints: '700\n',
  },
  {
    what: 'tmpfs exec',
    set: tmpfs({ Options: [['exec']] }),
    shown: { '/t': { options: '!noexec' } },
  },
  {
    what: 'tmpfs noexec',
    set: tmpfs({ Options: [['noexec']] }),
    shown: { '/t': { options: 'noexec' } },
  },
  {
    what: 'tmpfs read-only',
    set: tmpfs({}, { ReadOnly: true }),
    shown: { '/t': { options: 'ro' } },
    script: write('/t/x'),
    prints: 'ro\n',
  },
  {
    what: 'tmpfs of another option',
    set: tmpfs({ Options: [['uid', '7']] }),
    refused: [400, /invalid option: uid$/],
  },
  {
    what: '--tmpfs with options',
    set: { Tmpfs: { '/t': 'size=1m,mode=711,uid=7,exec' } },
    shown: {
      '/t': { type: 'tmpfs', options: 'nosuid !noexec', superOptions: 'size=1024k mode=711 uid=7' },
    },
  },
  {
    what: '--tmpfs keeps what the image has',
    set: { Tmpfs: { '/etc': '' } },
    script: 'grep -c ^root: /etc/passwd',
    prints: '1\n',
  },
  // ---- which wins ----
  {
    what: 'a tmpfs over VOLUME',
    set: { Tmpfs: { '/v': '' } },
    config: { Volumes: { '/v': {} } },
    shown: { '/v': { type: 'tmpfs' } },
  },
  {
    what: 'a bind over VOLUME',
    set: { Binds: ['{host}/plain:/v'] },
    config: { Volumes: { '/v': {} } },
    script: 'cat /v/f',
    prints: 'plain',
  },
  {
    what: 'a mount over --tmpfs',
    set: { Tmpfs: { '/b': '' }, ...bind() },
    script: 'cat /b/f',
    prints: 'plain',
  },
  {
    what: '--volumes-from',
    set: { VolumesFrom: ['donor'] },
    shown: { '/from': { options: 'rw' }, '/host': { options: 'ro' } },
  },
  {
    what: '--volumes-from read-only',
    set: { VolumesFrom: ['donor:ro'] },
    shown: { '/from': { options: 'ro' } },
  },
  {
    what: 'a bind over --volumes-from',
    set: { VolumesFrom: ['donor'], Binds: ['{host}/plain:/from'] },
    script: 'cat /from/f',
    prints: 'plain',
  },
  {
    what: '--volumes-from over VOLUME',
    set: { VolumesFrom: ['donor:ro'] },
    config: { Volumes: { '/from': {} } },
    shown: { '/from': { options: 'ro' } },
  },
  ...(
    [
      ['two binds', { Binds: ['{host}/plain:/b', 'rows:/b'] }, '/b'],
      ['two binds, one written otherwise', { Binds: ['{host}/plain:/b', 'rows:/x/../b/'] }, '/b'],
      ['a bind and a mount', { Binds: ['{host}/plain:/b'], ...bind() }, '/b'],
      ['a bind and a tmpfs', { Binds: ['{host}/plain:/b'], Tmpfs: { '/b': '' } }, '/b'],
    ] as const
  ).map(([what, set, target]): Row => ({
    what: `twice: ${what}`,
    set,
    refused: [400, new RegExp(`^Duplicate mount point: ${target}$`)],
  })),
  // ---- what is refused ----
  ...(
    [
      [{ Type: 'npipe', Source: 'x', Target: '/x' }, 'mount type unknown'],
      [{ Type: 'cluster', Source: 'x', Target: '/x' }, 'mount type unknown'],
      [{ Type: 'volume', Target: '/' }, "invalid specification: destination can't be '/'"],
      [{ Type: 'tmpfs', Target: 'x' }, "invalid mount path: 'x' mount path must be absolute"],
      [
        { Type: 'bind', Source: 'x', Target: '/x' },
        "invalid mount path: 'x' mount path must be absolute",
      ],
      [{ Type: 'bind', Target: '/x' }, 'field Source must not be empty'],
      [{ Type: 'tmpfs', Source: 'x', Target: '/x' }, 'field Source must not be specified'],
    ] as const
  ).map(([mount, reason]): Row => ({
    what: `${JSON.stringify(mount)}`,
    set: { Mounts: [mount] },
    refused: [400, new RegExp(`${reason}$`)],
  })),
]
