/** Devices, whiteouts, xattrs, modes, and entries that take each other's place. */
import { makeTar } from '../../integration/kernel/tar-maker.ts'
import {
  Collection,
  type HostileTar,
  LAYER_REFUSED,
  LIVE_REFUSED,
  MARK,
  REFUSED,
  dir,
  fifo,
  file,
  hardLink,
  node,
  symlink,
  xattrs,
} from './hostile-tar.ts'

const nodes = new Collection('device nodes, fifos, sockets')

nodes
  .add('device-disk', makeTar(node('disk', '4', [8, 0])))
  .add('device-mem', makeTar(node('mem', '3', [1, 1])))
  .add('device-kmsg', makeTar(node('kmsg', '3', [1, 11])))
  .add('device-tty', makeTar(node('tty', '3', [5, 0])))
  .add('device-tun', makeTar(node('tun', '3', [10, 200])))
  .add('device-fuse', makeTar(node('fuse', '3', [10, 229])))
  .add('device-number-beyond', makeTar(node('d', '3', [0o7777777, 0])), REFUSED)
  .add('device-minor-beyond', makeTar(node('d', '3', [1, 0o7777777])), REFUSED)
  .add('device-number-negative', makeTar(node('d', '3', [-1, -1])), REFUSED)
  .add('device-setuid', makeTar(node('d', '3', [1, 3], { mode: 0o6777 })))
  .add('device-then-file', makeTar(node('d', '4', [8, 0]), file('d')))
  .add('device-then-below', makeTar(node('d', '4', [8, 0]), file('d/f')), REFUSED)
  .add('fifo-then-file', makeTar(fifo('p'), file('p')))
  .add('fifo-then-below', makeTar(fifo('p'), file('p/f')), REFUSED)
  .add('fifo-with-content', makeTar({ ...fifo('p'), size: 512 }, file('f')))
  .add('socket-mode', makeTar(file('s', { mode: 0o140777 })))
  .add('mode-of-another-type', makeTar(file('f', { mode: 0o40777 }), dir('d', { mode: 0o120777 })))
  .add('mode-beyond', makeTar(file('f', { mode: 0o7777777 })))
  .add('mode-negative', makeTar(file('f', { mode: -1 })))
  .add('setuid-root', makeTar(file('f', { mode: 0o6777, uid: 0, gid: 0 })))
  .add('setuid-directory', makeTar(dir('d', { mode: 0o7777 }), file('d/f')))
  .add(
    'mode-zero',
    makeTar(
      dir('d', { mode: 0 }),
      file('d/f', { mode: 0 }),
      dir('d/e', { mode: 0 }),
      file('d/e/f'),
    ),
  )
  .add(
    'directory-read-only',
    makeTar(dir('d', { mode: 0o555 }), file('d/f'), dir('d/d', { mode: 0o555 }), file('d/d/f')),
  )

const whiteouts = new Collection('whiteouts')

whiteouts
  .add('whiteout-of-dotdot', makeTar(file('.wh...')), LAYER_REFUSED)
  .add('whiteout-of-dot', makeTar(file('.wh..')), LAYER_REFUSED)
  .add('whiteout-of-nothing', makeTar(file('.wh.')), LAYER_REFUSED)
  .add('whiteout-of-dotdot-below', makeTar(dir('a'), file('a/.wh...')), LAYER_REFUSED)
  .add('whiteout-with-slash', makeTar(file('.wh.a/b')), LAYER_REFUSED)
  .add('whiteout-with-dotdot', makeTar(file(`.wh.a/../../${MARK}`)), REFUSED)
  .add('whiteout-of-root', makeTar(file('/.wh./')), LAYER_REFUSED)
  .add(
    'whiteout-through-symlink',
    (at) => makeTar(symlink('l', at.outside), file('l/.wh.secret')),
    LAYER_REFUSED,
  )
  .add('whiteout-of-symlink', (at) => makeTar(symlink('l', at.outside), file('.wh.l')))
  .add(
    'whiteout-of-symlink-target',
    (at) => makeTar(symlink('l', `${at.outside}/sub`), file('l/.wh.file')),
    LAYER_REFUSED,
  )
  .add('whiteout-of-own-file', makeTar(file('f'), file('.wh.f')))
  .add('whiteout-before-own-file', makeTar(file('.wh.f'), file('f')))
  .add('whiteout-of-own-directory', makeTar(dir('d'), file('d/f'), file('.wh.d')))
  .add('whiteout-before-own-directory', makeTar(file('.wh.d'), dir('d'), file('d/f')))
  .add('whiteout-then-below', makeTar(file('.wh.d'), file('d/f')))
  .add('whiteout-twice', makeTar(file('.wh.f'), file('.wh.f')))
  .add('whiteout-of-whiteout', makeTar(file('.wh..wh.f')))
  .add('whiteout-as-directory', makeTar(dir('.wh.d')))
  .add(
    'whiteout-as-symlink',
    (at) => makeTar(symlink('.wh.l', at.outside), file('.wh.l/secret')),
    LAYER_REFUSED,
  )
  .add('whiteout-as-device', makeTar(node('.wh.d', '4', [8, 0])))
  .add('whiteout-with-content', makeTar(file('.wh.f', { content: 'x'.repeat(2000) })))
  .add('whiteout-of-long-name', makeTar(file('x', { pax: { path: `.wh.${'n'.repeat(251)}` } })))
  .add('whiteout-uid-beyond', makeTar(file('.wh.f', { pax: { uid: '4294967295' } })), REFUSED)
  .add('opaque-root', makeTar(file('.wh..wh..opq')))
  .add('opaque-in-missing', makeTar(file('a/b/.wh..wh..opq')))
  .add('opaque-in-file', makeTar(file('f'), file('f/.wh..wh..opq')), REFUSED)
  .add(
    'opaque-through-symlink',
    (at) => makeTar(symlink('l', at.outside), file('l/.wh..wh..opq')),
    LAYER_REFUSED,
  )
  .add('opaque-as-directory', makeTar(dir('d'), dir('d/.wh..wh..opq'), file('d/f')))
  .add('opaque-below-opaque', makeTar(dir('d/.wh..wh..opq'), file('d/.wh..wh..opq/f')))
  .add('aufs-link-directory', makeTar(dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2')))
  .add('aufs-names', makeTar(file('.wh..wh.aufs'), file('.wh..wh.orph'), file('a/.wh..wh.x/f')))
  .add('char-0-0', makeTar(node('etc', '3', [0, 0])), { put: 'refused' })
  .add('char-0-0-then-below', makeTar(node('d', '3', [0, 0]), file('d/f')), LIVE_REFUSED)
  .add('char-0-0-linked', makeTar(node('d', '3', [0, 0]), hardLink('h', 'd')), {
    layer: 'refused',
    put: 'refused',
  })
  .add('block-0-0', makeTar(node('d', '4', [0, 0])))

const OVERLAY = [
  'opaque',
  'redirect',
  'metacopy',
  'origin',
  'whiteout',
  'upper',
  'nlink',
  'impure',
  'protattr',
  'xwhiteouts',
]
const attributes = new Collection('xattrs that steer something')

attributes
  .add(
    'xattr-overlay',
    makeTar(
      dir('d', {
        pax: xattrs(
          OVERLAY.map((name) => `trusted.overlay.${name}`),
          '/etc',
        ),
      }),
    ),
  )
  .add(
    'xattr-overlay-file',
    makeTar(
      file('f', {
        pax: xattrs(['trusted.overlay.metacopy', 'trusted.overlay.redirect'], '/etc/shadow'),
      }),
    ),
  )
  .add(
    'xattr-overlay-nested',
    makeTar(dir('d', { pax: xattrs(['trusted.overlay.overlay.opaque'], 'y') })),
  )
  .add(
    'xattr-overlay-user',
    makeTar(dir('d', { pax: xattrs(['user.overlay.opaque', 'user.overlay.redirect'], 'y') })),
  )
  .add(
    'xattr-overlay-root',
    makeTar(
      dir('./', { pax: xattrs(['trusted.overlay.opaque', 'trusted.overlay.redirect'], 'y') }),
    ),
  )
  .add(
    'xattr-overlay-libarchive',
    makeTar(dir('d', { pax: { 'LIBARCHIVE.xattr.trusted.overlay.opaque': 'eQ==' } })),
  )
  .add(
    'xattr-capability',
    makeTar(
      file('f', {
        mode: 0o755,
        pax: xattrs(
          ['security.capability'],
          '\x01\0\0\x02\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0',
        ),
      }),
    ),
    REFUSED,
  )
  .add(
    'xattr-capability-malformed',
    makeTar(file('f', { pax: xattrs(['security.capability'], 'evil') })),
    REFUSED,
  )
  .add(
    'xattr-capability-symlink',
    (at) => makeTar(symlink('l', `${at.outside}/secret`, { pax: xattrs(['security.capability']) })),
    LAYER_REFUSED,
  )
  .add(
    'xattr-selinux',
    makeTar(file('f', { pax: xattrs(['security.selinux'], 'system_u:object_r:shadow_t:s0') })),
  )
  .add('xattr-ima', makeTar(file('f', { pax: xattrs(['security.ima', 'security.evm']) })))
  .add(
    'xattr-acl-malformed',
    makeTar(file('f', { pax: xattrs(['system.posix_acl_access']) })),
    LIVE_REFUSED,
  )
  .add(
    'xattr-acl-default-of-file',
    makeTar(file('f', { pax: xattrs(['system.posix_acl_default']) })),
    LIVE_REFUSED,
  )
  .add(
    'xattr-unknown-namespace',
    makeTar(file('f', { pax: xattrs(['nonsense.x', 'x']) })),
    LIVE_REFUSED,
  )
  .add('xattr-no-name', makeTar(file('f', { pax: { 'SCHILY.xattr.': 'x' } })), REFUSED)
  .add('xattr-nul-name', makeTar(file('f', { pax: xattrs(['user.a\0b']) })), REFUSED)
  .add('xattr-name-long', makeTar(file('f', { pax: xattrs([`user.${'n'.repeat(300)}`]) })), REFUSED)
  .add('xattr-value-64k', makeTar(file('f', { pax: xattrs(['user.x'], 'v'.repeat(65_536)) })))
  .add(
    'xattr-value-beyond',
    makeTar(file('f', { pax: xattrs(['user.x'], 'v'.repeat(65_537)) })),
    REFUSED,
  )
  .add('xattr-empty', makeTar(file('f', { pax: xattrs(['user.x'], '') })))
  .add(
    'xattr-many',
    makeTar(
      file('f', {
        pax: xattrs(
          Array.from({ length: 3000 }, (_, at) => `user.n${at}`),
          'v',
        ),
      }),
    ),
  )

const twice = new Collection('CVE-2026-31802: entries that take each other’s place')
const kinds = {
  file: file('x'),
  directory: dir('x'),
  symlink: symlink('x', '/etc'),
  device: node('x', '3', [1, 3]),
  fifo: fifo('x'),
}

for (const [before, first] of Object.entries(kinds))
  for (const [after, second] of Object.entries(kinds))
    twice.add(`twice-${before}-${after}`, makeTar(first, second))

twice
  .add(
    'twice-full-directory',
    makeTar(dir('x'), file('x/a'), dir('x/b'), file('x/b/c'), file('x'), file('y')),
  )
  .add('twice-three-kinds', (at) =>
    makeTar(file('x'), dir('x'), symlink('x', at.outside), file('x')),
  )
  .add(
    'twice-500-times',
    makeTar(...Array.from({ length: 500 }, (_, at) => (at % 2 ? file('x') : dir('x')))),
  )
  .add(
    'twice-modes',
    makeTar(file('x', { mode: 0o4777, uid: 0 }), file('x', { mode: 0o600, uid: 1000 })),
  )
  .add('file-as-parent', makeTar(file('x'), file('x/y')), REFUSED)
  .add('file-with-slash', makeTar(file('x/')))
  .add('directory-with-content', makeTar({ ...dir('x'), size: 512 }, file('y')))
  .add('old-directory', makeTar({ ...file('x/'), type: '\0', content: '' }))
  .add('contiguous-file', makeTar(file('x', { type: '7' })))

export const special: readonly HostileTar[] = [
  ...nodes.cases,
  ...whiteouts.cases,
  ...attributes.cases,
  ...twice.cases,
]
