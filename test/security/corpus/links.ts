/** Links of both kinds, and what is reached through them. */
import { longName, makeTar } from '../../integration/kernel/tar-maker.ts'
import {
  Collection,
  type HostileTar,
  LAYER_REFUSED,
  MARK,
  REFUSED,
  dir,
  fifo,
  file,
  hardLink,
  node,
  symlink,
  up,
  xattrs,
} from './hostile-tar.ts'

const through = new Collection('CVE-2026-17106, CVE-2024-12905: an entry through a symlink')

through
  .add(
    'symlink-absolute-file',
    (at) => makeTar(symlink('l', at.outside), file('l/secret')),
    LAYER_REFUSED,
  )
  .add(
    'symlink-absolute-new',
    (at) => makeTar(symlink('l', at.outside), file(`l/${MARK}`)),
    LAYER_REFUSED,
  )
  .add(
    'symlink-relative-file',
    (at) => makeTar(symlink('l', up(at.outside)), file('l/secret')),
    REFUSED,
  )
  .add('symlink-root', (at) => makeTar(symlink('l', '/'), file(`l${at.outside}/secret`)))
  .add('symlink-up', makeTar(symlink('l', '..'), file(`l/${MARK}`)), { live: 'refused' })
  .add('symlink-up-twice', makeTar(dir('a'), symlink('a/l', '../..'), file(`a/l/${MARK}`)), {
    live: 'refused',
  })
  .add(
    'symlink-chain',
    (at) =>
      makeTar(symlink('a', 'b'), symlink('b', 'c'), symlink('c', at.outside), file('a/secret')),
    LAYER_REFUSED,
  )
  .add(
    'symlink-chain-of-directories',
    (at) => makeTar(dir('d'), symlink('d/a', '../e'), symlink('e', at.outside), file('d/a/secret')),
    LAYER_REFUSED,
  )
  .add('symlink-dangling', makeTar(symlink('l', 'nowhere'), file('l/f')), LAYER_REFUSED)
  .add(
    'symlink-dangling-out',
    (at) => makeTar(symlink('l', `${at.outside}/new`), file('l/f')),
    LAYER_REFUSED,
  )
  .add('symlink-loop', makeTar(symlink('a', 'b'), symlink('b', 'a'), file('a/f')), REFUSED)
  .add('symlink-self', makeTar(symlink('a', 'a'), file('a/f')), REFUSED)
  .add('symlink-dot', makeTar(symlink('a', '.'), file('a/a/a/a/f')))
  .add(
    'symlink-dot-swapped',
    (at) => makeTar(symlink('a', '.'), symlink('a/b', at.outside), file(`b/${MARK}`)),
    LAYER_REFUSED,
  )
  .add('symlink-41-deep', makeTar(...chain(41), file('l0/f')), REFUSED)
  .add('symlink-300-deep', makeTar(...chain(300), file('l0/f')), REFUSED)
  .add(
    'proc-root',
    (at) => makeTar(symlink('p', `/proc/${at.pid}/root`), file(`p${at.outside}/secret`)),
    LAYER_REFUSED,
  )
  .add(
    'proc-self-root',
    (at) => makeTar(symlink('p', '/proc/self/root'), file(`p${at.outside}/secret`)),
    LAYER_REFUSED,
  )
  .add('proc-self-cwd', makeTar(symlink('p', '/proc/self/cwd'), file(`p/${MARK}`)), LAYER_REFUSED)
  .add('proc-self-fd', makeTar(symlink('p', '/proc/self/fd'), file('p/1')), LAYER_REFUSED)
  .add(
    'proc-thread-self',
    makeTar(symlink('p', '/proc/thread-self/root'), file(`p/${MARK}`)),
    LAYER_REFUSED,
  )
  .add('symlink-directory-entry', (at) => makeTar(symlink('l', at.outside), dir('l')))
  .add('symlink-directory-slash', (at) => makeTar(symlink('l', at.outside), dir('l/')))
  .add('symlink-directory-dot', (at) => makeTar(symlink('l', at.outside), dir('l/.')))
  .add(
    'symlink-directory-below',
    (at) => makeTar(symlink('l', at.outside), dir('l/sub')),
    LAYER_REFUSED,
  )
  .add('symlink-file-replaced', (at) => makeTar(symlink('l', `${at.outside}/secret`), file('l')))
  .add('symlink-file-replaced-by-fifo', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), fifo('l')),
  )
  .add('symlink-file-replaced-by-device', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), node('l', '3', [1, 5])),
  )
  .add('symlink-file-replaced-by-link', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), file('f'), hardLink('l', 'f')),
  )
  .add(
    'symlink-device-below',
    (at) => makeTar(symlink('l', at.outside), node('l/null', '3', [1, 3])),
    LAYER_REFUSED,
  )
  .add('symlink-fifo-below', (at) => makeTar(symlink('l', at.outside), fifo('l/p')), LAYER_REFUSED)
  .add(
    'symlink-symlink-below',
    (at) => makeTar(symlink('l', at.outside), symlink('l/s', '/etc')),
    LAYER_REFUSED,
  )
  .add(
    'directory-swapped',
    (at) => makeTar(dir('d'), file('d/one'), symlink('d', at.outside), file('d/secret')),
    LAYER_REFUSED,
  )
  .add('directory-swapped-and-back', (at) =>
    makeTar(dir('d'), symlink('d', at.outside), dir('d'), file('d/secret')),
  )
  .add(
    'parent-swapped-while-cached',
    (at) =>
      makeTar(
        dir('r'),
        symlink('loop', '.'),
        file('loop/f'),
        symlink('loop/loop', at.outside),
        file('loop/secret'),
      ),
    LAYER_REFUSED,
  )
  .add(
    'parent-swapped-by-hard-link',
    (at) =>
      makeTar(
        symlink('s', at.outside),
        dir('d'),
        file('d/f'),
        hardLink('d2', 's'),
        file('d2/secret'),
      ),
    LAYER_REFUSED,
  )
  .add(
    'grandparent-swapped',
    (at) => makeTar(dir('a/b/c'), file('a/b/c/1'), symlink('a', at.outside), file('a/sub/2')),
    LAYER_REFUSED,
  )
  .add(
    'symlink-in-pax',
    (at) => makeTar(symlink('l', 'x', { pax: { linkpath: at.outside } }), file('l/secret')),
    LAYER_REFUSED,
  )
  .add(
    'symlink-in-gnu',
    (at) => makeTar(longName(at.outside, 'K'), symlink('l', 'x'), file('l/secret')),
    LAYER_REFUSED,
  )
  .add(
    'symlink-with-size',
    (at) => makeTar({ ...symlink('l', at.outside), size: 512 }, file('l/secret')),
    LAYER_REFUSED,
  )

/** l0 → l1 → … → a directory. */
function chain(length: number): ReturnType<typeof symlink>[] {
  const links = Array.from({ length }, (_, at) => symlink(`l${at}`, `l${at + 1}`))
  return [dir(`l${length}`), ...links]
}

const metadata = new Collection('CVE-2021-32760: mode, owner, times, xattrs through a link')

metadata
  .add('chmod-through-symlink', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`, { mode: 0o777, uid: 7, gid: 7, mtime: 5 })),
  )
  .add('chmod-through-directory', (at) =>
    makeTar(symlink('l', at.outside), dir('l', { mode: 0o777 })),
  )
  .add('chmod-dotdot', makeTar(dir('a'), dir('a/../..', { mode: 0o777 })), REFUSED)
  .add('chmod-hard-link-to-symlink', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), hardLink('h', 'l', { mode: 0o777, uid: 9 })),
  )
  .add('xattr-through-symlink', (at) =>
    makeTar(
      symlink('l', `${at.outside}/secret`, { pax: xattrs(['user.x', 'trusted.x', 'security.x']) }),
    ),
  )
  .add('xattr-through-hard-link', (at) =>
    makeTar(
      symlink('l', `${at.outside}/secret`),
      hardLink('h', 'l', { pax: xattrs(['user.x', 'trusted.x']) }),
    ),
  )
  .add('times-after-swap', (at) =>
    makeTar(
      dir('a'),
      dir('a/sub', { mtime: 5 }),
      symlink('a', at.outside),
      dir('sub'),
      symlink('sub', `${at.outside}/sub`),
    ),
  )
  .add('times-of-swapped-directory', (at) =>
    makeTar(dir('d', { mtime: 5 }), symlink('d', `${at.outside}/sub`)),
  )

const hard = new Collection('CVE-2021-37713, CVE-2026-24842: hard links')

hard
  .add('hard-link-absolute', (at) => makeTar(hardLink('h', `${at.outside}/secret`)), REFUSED)
  .add('hard-link-dotdot', (at) => makeTar(hardLink('h', up(`${at.outside}/secret`))), REFUSED)
  .add(
    'hard-link-absolute-dotdot',
    (at) => makeTar(hardLink('h', `/..${at.outside}/secret`)),
    REFUSED,
  )
  .add(
    'hard-link-pax',
    (at) => makeTar(hardLink('h', 'x', { pax: { linkpath: up(`${at.outside}/secret`) } })),
    REFUSED,
  )
  .add(
    'hard-link-gnu',
    (at) => makeTar(longName(up(`${at.outside}/secret`), 'K'), hardLink('h', 'x')),
    REFUSED,
  )
  .add('hard-link-then-write', (at) => makeTar(hardLink('h', `${at.outside}/secret`), file('h')), {
    live: 'refused',
  })
  .add('hard-link-to-symlink', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), hardLink('h', 'l')),
  )
  .add('hard-link-to-symlink-then-write', (at) =>
    makeTar(symlink('l', `${at.outside}/secret`), hardLink('h', 'l'), file('h')),
  )
  .add(
    'hard-link-through-symlink',
    (at) => makeTar(symlink('l', at.outside), hardLink('h', 'l/secret')),
    REFUSED,
  )
  .add(
    'hard-link-through-root',
    (at) => makeTar(symlink('l', '/'), hardLink('h', `l${at.outside}/secret`)),
    REFUSED,
  )
  .add(
    'hard-link-through-proc',
    (at) => makeTar(symlink('p', `/proc/${at.pid}/root`), hardLink('h', `p${at.outside}/secret`)),
    REFUSED,
  )
  .add('hard-link-to-directory', makeTar(dir('d'), hardLink('h', 'd')), REFUSED)
  .add('hard-link-to-root', makeTar(hardLink('h', '.')), REFUSED)
  .add('hard-link-to-slash', makeTar(hardLink('h', '/')), REFUSED)
  .add('hard-link-to-nothing', makeTar(hardLink('h', '')), REFUSED)
  .add('hard-link-to-missing', makeTar(hardLink('h', 'missing')), REFUSED)
  .add('hard-link-to-itself', makeTar(file('f'), hardLink('f', 'f')), LAYER_REFUSED)
  .add('hard-link-to-itself-dotted', makeTar(file('f'), hardLink('f', './a/../f')), LAYER_REFUSED)
  .add('hard-link-cycle', makeTar(hardLink('a', 'b'), hardLink('b', 'a')), REFUSED)
  .add('hard-link-forward', makeTar(hardLink('a', 'b'), file('b')), { ...REFUSED, pull: 'taken' })
  .add('hard-link-over-directory', makeTar(file('f'), dir('d'), file('d/x'), hardLink('d', 'f')))
  .add('hard-link-into-its-parent', makeTar(dir('d'), file('d/f'), hardLink('d', 'd/f')), REFUSED)
  .add('hard-link-to-device', makeTar(node('n', '3', [1, 3]), hardLink('h', 'n')))
  .add('hard-link-to-fifo', makeTar(fifo('p'), hardLink('h', 'p')))
  .add(
    'hard-link-with-content',
    makeTar(file('f'), { ...hardLink('h', 'f'), content: '', size: 5 }),
  )
  .add('hard-link-to-whiteout', makeTar(file('.wh.x'), hardLink('h', 'x')), REFUSED)
  .add('hard-link-named-whiteout', makeTar(file('f'), hardLink('.wh.x', 'f')))
  .add(
    'hard-link-setuid',
    makeTar(file('f', { mode: 0o4777 }), hardLink('h', 'f', { mode: 0o6777 })),
  )
  .add(
    'hard-link-many',
    makeTar(file('f'), ...Array.from({ length: 2000 }, (_, at) => hardLink(`h${at}`, 'f'))),
  )

export const links: readonly HostileTar[] = [...through.cases, ...metadata.cases, ...hard.cases]
