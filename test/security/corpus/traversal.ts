/** Names that lead out: `..`, absolute, slashes, NUL, look-alikes. */
import { longName, makeTar } from '../../integration/kernel/tar-maker.ts'
import {
  Collection,
  type HostileTar,
  LAYER_REFUSED,
  LIVE_REFUSED,
  MARK,
  REFUSED,
  dir,
  file,
  fifo,
  hardLink,
  node,
  symlink,
  up,
} from './hostile-tar.ts'

const names = new Collection('CVE-2021-32760, CVE-2021-32804: names that lead out')

names
  .add('dotdot-file', (at) => makeTar(file(up(`${at.outside}/secret`))), REFUSED)
  .add('dotdot-new-file', (at) => makeTar(file(up(`${at.outside}/${MARK}`))), REFUSED)
  .add('dotdot-directory', (at) => makeTar(dir(up(at.outside))), REFUSED)
  .add('dotdot-symlink', (at) => makeTar(symlink(up(`${at.outside}/l`), '/etc')), REFUSED)
  .add(
    'dotdot-hard-link',
    (at) => makeTar(file('f'), hardLink(up(`${at.outside}/h`), 'f')),
    REFUSED,
  )
  .add('dotdot-fifo', (at) => makeTar(fifo(up(`${at.outside}/p`))), REFUSED)
  .add('dotdot-device', (at) => makeTar(node(up(`${at.outside}/d`), '3', [1, 3])), REFUSED)
  .add('dotdot-whiteout', (at) => makeTar(file(up(`${at.outside}/.wh.secret`))), REFUSED)
  .add('dotdot-opaque', (at) => makeTar(file(up(`${at.outside}/.wh..wh..opq`))), REFUSED)
  .add('dotdot-alone', makeTar(dir('..')), REFUSED)
  .add('dotdot-slash', makeTar(dir('../')), REFUSED)
  .add('dotdot-sibling', makeTar(file(`../${MARK}`)), REFUSED)
  .add('dotdot-after-directory', makeTar(dir('a'), file(`a/../../${MARK}`)), REFUSED)
  .add('dotdot-after-missing', makeTar(file(`missing/../../${MARK}`)), REFUSED)
  .add('dotdot-inside', makeTar(dir('a'), file('a/../b')))
  .add('dotdot-of-file', makeTar(file('a'), file('a/../b')))
  .add('dotdot-dot-mixed', makeTar(file(`./.././${MARK}`)), REFUSED)
  .add('dotdot-double-slash', makeTar(file(`.//..//${MARK}`)), REFUSED)
  .add('dotdot-absolute', (at) => makeTar(file(`/..${at.outside}/secret`)), LIVE_REFUSED)
  .add('dotdot-absolute-deep', (at) => makeTar(file(`/a/${up(at.outside)}/secret`)), LIVE_REFUSED)
  .add(
    'dotdot-pax',
    (at) => makeTar(file('x', { pax: { path: up(`${at.outside}/secret`) } })),
    REFUSED,
  )
  .add('dotdot-gnu', (at) => makeTar(longName(up(`${at.outside}/secret`)), file('x')), REFUSED)
  .add('dotdot-prefix', makeTar(file(MARK, { patch: [[345, '..']] })), REFUSED)
  .add(
    'dotdot-in-prefix-and-name',
    makeTar(file(`../${MARK}`, { patch: [[345, 'a/..']] })),
    REFUSED,
  )
  .add('absolute-file', (at) => makeTar(file(`${at.outside}/secret`)))
  .add('absolute-directory', (at) => makeTar(dir(at.outside, { mode: 0o777 })))
  .add('absolute-double-slash', (at) => makeTar(file(`/${at.outside}/secret`)))
  .add('absolute-many-slashes', (at) => makeTar(file(`//////${at.outside}//secret`)))
  .add('absolute-pax', (at) => makeTar(file('x', { pax: { path: `${at.outside}/secret` } })))
  .add('absolute-gnu', (at) => makeTar(longName(`${at.outside}/secret`), file('x')))
  .add('absolute-prefix', (at) => makeTar(file('secret', { patch: [[345, at.outside]] })))
  .add('name-proc-self-root', (at) => makeTar(file(`/proc/self/root${at.outside}/secret`)))
  .add('name-proc-self-cwd', makeTar(file(`/proc/self/cwd/${MARK}`)))
  .add('name-proc-self-fd', makeTar(file('/proc/self/fd/3/x')))
  .add('dev-fd', makeTar(file('/dev/fd/3/x')))
  .add('root-dot', makeTar(dir('.', { mode: 0o000 })))
  .add('root-slash', makeTar(dir('/', { mode: 0o777 })))
  .add('root-as-file', makeTar(file('.')))
  .add('root-as-symlink', (at) => makeTar(symlink('./', at.outside), file(MARK)))
  .add('root-by-dotdot', makeTar(dir('a/..')))

const odd = new Collection('names of odd bytes (CVE-2021-37701, CVE-2021-37712, CVE-2026-23950)')

odd
  .add('nul-in-name', makeTar(file('a', { patch: [[1, '\0/../../evil']] })))
  .add('nul-in-pax-path', makeTar(file('x', { pax: { path: `../${MARK}\0a` } })), REFUSED)
  .add('nul-in-pax-path-end', makeTar(file('x', { pax: { path: 'a\0' } })), REFUSED)
  .add('nul-in-pax-link', makeTar(symlink('x', 'y', { pax: { linkpath: 'a\0b' } })), REFUSED)
  .add('nul-in-gnu-name', makeTar(longName(`a\0/../../${MARK}`), file('x')))
  .add('nul-in-prefix', makeTar(file('x', { patch: [[345, 'a\0../..']] })))
  .add('empty-name', makeTar(file('')), LAYER_REFUSED)
  .add('empty-pax-path', makeTar(file('x', { pax: { path: '' } })))
  .add('empty-gnu-name', makeTar(longName(''), file('x')))
  .add('backslashes', makeTar(file(`..\\..\\${MARK}`)))
  .add('drive-letter', makeTar(file(`C:\\..\\${MARK}`)))
  .add('control-characters', makeTar(file('a\n\r\t\x1b[2J\x07b')))
  .add('latin-1', makeTar(file('cafe', { patch: [[3, Buffer.from([0xe9])]] })))
  .add('latin-1-parent', makeTar(file('cafe/f', { patch: [[3, Buffer.from([0xe9])]] })))
  .add(
    'bytes-of-no-text',
    makeTar(file('x', { patch: [[0, Buffer.from([0xff, 0xfe, 0xc0, 0xaf])]] })),
  )
  .add('overlong-slash', makeTar(file('..x', { patch: [[2, Buffer.from([0xc0, 0xaf])]] })))
  .add('unicode-dots', makeTar(file(`．．/${MARK}`)))
  .add('unicode-slash', makeTar(file(`..∕..∕${MARK}`)))
  .add('unicode-composed', (at) =>
    makeTar(symlink('\u00e9', at.outside), file('e\u0301/inside'), file('e\u0301/secret')),
  )
  .add('unicode-ligature', (at) => makeTar(symlink('ﬀ', at.outside), file('ff/secret')))
  .add('unicode-right-to-left', makeTar(file('a\u202egpj.exe')))
  .add('case-differs', (at) => makeTar(symlink('LINK', at.outside), file('link/secret')))
  .add('case-sharp-s', (at) => makeTar(symlink('straße', at.outside), file('strasse/secret')))
  .add('trailing-dots', (at) => makeTar(symlink('l', at.outside), file('l./secret')))
  .add('trailing-space', (at) => makeTar(symlink('l', at.outside), file('l /secret')))
  .add('three-dots', makeTar(file(`.../${MARK}`)))
  .add('dot-space-dot', makeTar(file(`. ./${MARK}`)))
  .add('tilde', makeTar(file(`~/${MARK}`)))
  .add('dashes', makeTar(file('--checkpoint=1'), file('-rf')))
  .add('percent', makeTar(file('%2e%2e/%2e%2e/x')))
  .add('shell', makeTar(file(`$(touch ${MARK})`), file(`\`touch ${MARK}\``)))

const long = new Collection('names that are too long or too deep')
const deepest = `${'d/'.repeat(2000)}f`

long
  .add('component-255', makeTar(file('x', { pax: { path: 'n'.repeat(255) } })))
  .add('component-256', makeTar(file('x', { pax: { path: 'n'.repeat(256) } })), REFUSED)
  .add('component-256-gnu', makeTar(longName('n'.repeat(256)), file('x')), REFUSED)
  .add('component-64k', makeTar(file('x', { pax: { path: 'n'.repeat(65_536) } })), REFUSED)
  .add(
    'component-directory-256',
    makeTar(file('x', { pax: { path: `${'n'.repeat(256)}/f` } })),
    REFUSED,
  )
  .add('path-4000', makeTar(file('x', { pax: { path: deepest } })))
  .add('path-5000', makeTar(file('x', { pax: { path: `${'d/'.repeat(2500)}f` } })), REFUSED)
  .add('path-1m', makeTar(longName(`${'d/'.repeat(500_000)}f`), file('x')), REFUSED)
  .add('path-of-dots', makeTar(longName(`${'./'.repeat(400_000)}f`), file('x')))
  .add('path-of-dotdots', makeTar(longName(`${'a/../'.repeat(100_000)}f`), file('x')))
  .add('name-beyond-1m', makeTar({ name: 'l', type: 'L', size: 2 << 20 }), REFUSED)
  .add('symlink-4095', makeTar(symlink('x', 'y', { pax: { linkpath: 'l'.repeat(4095) } })))
  .add('symlink-4096', makeTar(symlink('x', 'y', { pax: { linkpath: 'l'.repeat(4096) } })), REFUSED)
  .add('symlink-64k', makeTar(longName('l'.repeat(65_536), 'K'), symlink('x', 'y')), REFUSED)
  .add('symlink-empty', makeTar(symlink('x', '')), REFUSED)
  .add('nesting-by-steps', makeTar(...nested(700)))

/** A directory in a directory in a directory, each with an entry of its own. */
function nested(depth: number): ReturnType<typeof dir>[] {
  return Array.from({ length: depth }, (_, at) =>
    dir('x', { pax: { path: `${'deep/'.repeat(at)}deep` }, mode: 0o500 }),
  )
}

export const traversal: readonly HostileTar[] = [...names.cases, ...odd.cases, ...long.cases]
