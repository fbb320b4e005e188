/** The container's root and what is mounted in it. */
import { existsSync } from 'node:fs'
import { config, failsToStart, type Field, host, refused } from '../field.ts'
import type { Seen } from '../seen.ts'

const points = (x: Seen): unknown[] =>
  x.inspect.Mounts.map(({ Type, Destination, RW, Mode }) => [Type, Destination, RW, Mode])

const flags = (x: Seen, target: string): string[] => (x.mount(target)?.options ?? '').split(',')

export const rootFields: readonly Field[] = [
  host('ReadonlyRootfs', [
    {
      set: true,
      script:
        'touch /x 2>/dev/null || echo ro; touch /dev/shm/x && echo shm; touch /etc/hosts 2>/dev/null || echo hosts',
      expect: 'ro\nshm\nhosts',
    },
    { set: true, see: (x) => flags(x, '/')[0], expect: 'ro' },
    { set: false, see: (x) => flags(x, '/')[0], expect: 'rw' },
  ]),
  host(
    'Tmpfs',
    [
      {
        set: { '/run': 'size=1m,exec,mode=700' },
        see: (x) => {
          const { type, options, superOptions } = x.mount('/run')!
          return [type, options, superOptions]
        },
        expect: ['tmpfs', 'rw,nosuid,nodev,relatime', 'rw,size=1024k,mode=700'],
      },
      {
        what: 'nothing said: noexec, nosuid, nodev',
        set: { '/run': '' },
        see: (x) =>
          flags(x, '/run')
            .filter((flag) => flag.startsWith('no'))
            .sort(),
        expect: ['nodev', 'noexec', 'nosuid'],
      },
      { set: { '/run': 'ro' }, see: (x) => flags(x, '/run')[0], expect: 'ro' },
      {
        what: 'owner and inodes',
        set: { '/run': 'uid=5,gid=6,nr_inodes=10' },
        script:
          'stat -c "%u %g" /run; for i in $(seq 20); do touch /run/$i; done 2>/dev/null; ls /run | wc -l',
        expect: /^5 6\n[89]$/,
      },
      {
        what: 'what the image has there comes along',
        set: { '/etc': '' },
        script: 'grep -c root /etc/passwd; mount | grep -c " /etc "',
        expect: '1\n1',
      },
    ],
    [
      refused({ '/': '' }, "invalid specification: destination can't be '/'"),
      refused({ x: '' }, "invalid mount path: 'x' mount path must be absolute"),
      failsToStart({ '/x': 'bogus' }, 'invalid tmpfs option "bogus"'),
      failsToStart({ '/x': 'size' }, 'invalid tmpfs option "size"'),
    ],
  ),
  host(
    'ShmSize',
    [
      { set: 32 << 20, see: (x) => x.mount('/dev/shm')?.superOptions, expect: 'rw,size=32768k' },
      {
        what: 'not said: 64 MiB',
        set: 0,
        shown: 64 << 20,
        see: (x) => [x.mount('/dev/shm')?.superOptions, x.mode('/dev/shm')],
        expect: ['rw,size=65536k', '1777'],
      },
    ],
    [refused(-1, 'SHM size can not be less than 0')],
  ),
  host(
    'StorageOpt',
    [{ what: 'none', set: {}, shown: undefined }],
    [
      {
        set: { size: '1g' },
        status: 500,
        says: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
      },
      { set: { foo: '1' }, status: 500, says: 'Unknown option foo' },
    ],
  ),
  config(
    'Volumes',
    [
      {
        set: { '/v': {} },
        see: (x) => [points(x), x.exists('/v'), x.mount('/v') !== undefined],
        expect: [[['volume', '/v', true, '']], true, true],
      },
    ],
    [
      {
        what: 'over a file of the image',
        set: { '/bin/busybox': {} },
        status: 500,
        says: /^cannot mount volume over existing file, file exists /,
      },
    ],
  ),
  host(
    'Binds',
    [
      {
        set: ['/tmp:/t:ro', 'matrix-data:/d'],
        see: (x) => [points(x), flags(x, '/t')[0], flags(x, '/d')[0]],
        expect: [
          [
            ['bind', '/t', false, 'ro'],
            ['volume', '/d', true, 'z'],
          ],
          'ro',
          'rw',
        ],
      },
    ],
    [
      refused(['a:b:c:d'], "invalid volume specification: 'a:b:c:d'", { status: 500 }),
      refused(['/tmp:/b:xx'], 'invalid mode: xx', { status: 500 }),
      refused(['/tmp:/'], /invalid specification: destination can't be '\/'$/, { status: 500 }),
      refused(['/tmp:b'], /invalid mount path: 'b' mount path must be absolute$/, { status: 500 }),
      refused(['/tmp:/b', '/var:/b'], 'Duplicate mount point: /b'),
      refused(['../v:/b'], /^create \.\.\/v: "\.\.\/v" includes invalid characters/),
    ],
  ),
  host(
    'Mounts',
    [
      {
        set: [{ Type: 'bind', Source: '/tmp', Target: '/t', ReadOnly: true }],
        see: (x) => [points(x), flags(x, '/t')[0]],
        expect: [[['bind', '/t', false, '']], 'ro'],
      },
      {
        set: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o700 } }],
        see: (x) => [x.mount('/t')?.type, x.mount('/t')?.superOptions, x.mode('/t')],
        expect: ['tmpfs', 'rw,size=1024k,mode=700', '700'],
      },
      {
        set: [{ Type: 'volume', Target: '/t' }],
        see: (x) => points(x),
        expect: [['volume', '/t', true, 'z']],
      },
    ],
    [
      refused(
        [{ Type: 'bind', Source: '/nope', Target: '/b' }],
        'invalid mount config for type "bind": bind source path does not exist: /nope',
      ),
      refused(
        [{ Type: 'x', Target: '/b' }],
        'invalid mount config for type "x": mount type unknown',
      ),
      refused(
        [{ Type: 'bind', Source: '/tmp', Target: '' }],
        'invalid mount config for type "bind": field Target must not be empty',
      ),
      refused(
        [{ Type: 'bind', Source: '/tmp', Target: '/t', VolumeOptions: {} }],
        'VolumeOptions must not be specified on mount type "bind"',
      ),
    ],
  ),
  host(
    'VolumesFrom',
    [
      {
        set: ['donor:ro'],
        see: (x) => [points(x), flags(x, '/shared')[0]],
        expect: [[['volume', '/shared', false, '']], 'ro'],
      },
    ],
    [
      refused(['no'], 'No such container: no'),
      refused(['donor:xx'], 'invalid mode: xx'),
      refused([''], 'volumes-from specification cannot be an empty string'),
    ],
  ),
  host('VolumeDriver', [
    {
      set: 'local',
      host: { Binds: ['matrix-local:/d'] },
      see: (x) => x.inspect.Mounts[0]?.Driver,
      expect: 'local',
    },
    { what: 'none', set: '', see: () => existsSync('/'), expect: true },
  ]),
]
