/** Archives that are damaged, or that say of themselves what cannot be. */
import { longName, makeTar, tarEntry } from '../../integration/kernel/tar-maker.ts'
import {
  Collection,
  type HostileTar,
  LAYER_REFUSED,
  MARK,
  REFUSED,
  dir,
  file,
  symlink,
} from './hostile-tar.ts'

const end = Buffer.alloc(1024)
/** An extended header with just these bytes, then a file. */
const paxOf = (records: string | Buffer, type = 'x'): Buffer =>
  makeTar({ name: 'PaxHeaders/f', type, content: records }, file('f'))

const pax = new Collection('pax overrides')

for (const size of [
  '-1',
  '9223372036854775807',
  '99999999999999999999',
  '1e3',
  '0x10',
  ' 3',
  '3 ',
  '',
])
  pax.add(
    `pax-size-${size === '' ? 'empty' : encodeURIComponent(size)}`,
    makeTar(file('f', { pax: { size } })),
    size === '' ? {} : REFUSED,
  )
for (const key of ['uid', 'gid'])
  for (const value of ['4294967295', '4294967296', '-1', '99999999999999999999', 'root'])
    pax.add(`pax-${key}-${value}`, makeTar(file('f', { pax: { [key]: value } })), REFUSED)
for (const value of [
  '99999999999999999',
  '-99999999999999999',
  '1.999999999999999999999',
  '-0.5',
  '0.-5',
  'now',
  '1e9',
  '9'.repeat(30),
])
  pax.add(
    `pax-mtime-${value}`,
    makeTar(file('f', { pax: { mtime: value } })),
    ['0.-5', 'now', '1e9', '9'.repeat(30)].includes(value) ? REFUSED : {},
  )

pax
  .add('pax-largest-ids', makeTar(file('f', { pax: { uid: '4294967294', gid: '4294967294' } })))
  .add('pax-no-space', paxOf('x'), REFUSED)
  .add('pax-no-equals', paxOf('9 path\n'), REFUSED)
  .add('pax-no-key', paxOf('8 =abc\n'), REFUSED)
  .add('pax-no-newline', paxOf('11 path=abcd'), REFUSED)
  .add('pax-length-zero', paxOf('0 path=a\n'), REFUSED)
  .add('pax-length-negative', paxOf('-6 a=b\n'), REFUSED)
  .add('pax-length-beyond', paxOf('99 path=a\n'), REFUSED)
  .add('pax-length-huge', paxOf('99999999999999999999999 path=a\n'), REFUSED)
  .add('pax-length-lies', paxOf('8 path=a\n'), REFUSED)
  .add('pax-empty', paxOf(''))
  .add('pax-zeros', paxOf(Buffer.alloc(100)), REFUSED)
  .add(
    'pax-twice',
    makeTar(
      { name: 'p', type: 'x', content: '8 path=a\n'.replace('8', '9') },
      { name: 'p', type: 'x', content: '9 path=b\n' },
      file('f'),
    ),
  )
  .add('pax-repeated-key', paxOf('9 path=a\n9 path=b\n'))
  .add(
    'pax-of-nothing',
    Buffer.concat([tarEntry({ name: 'p', type: 'x', content: '9 path=a\n' }), end]),
    REFUSED,
  )
  .add('pax-beyond-1m', makeTar({ name: 'p', type: 'x', size: (1 << 20) + 1 }), REFUSED)
  .add('pax-size-negative', makeTar({ name: 'p', type: 'x', size: -1 }), REFUSED)
  .add('pax-100k-records', paxOf('6 a=b\n'.repeat(100_000)))
  .add('pax-global-path', paxOf(`${26 + MARK.length - 15} path=../${MARK}\n`.padEnd(1), 'g'), {
    layer: 'refused',
    live: 'refused',
  })
  .add('pax-global-good', paxOf('16 path=ignored\n', 'g'))
  .add(
    'pax-then-gnu',
    Buffer.concat([
      tarEntry({ name: 'p', type: 'x', content: '9 path=a\n' }),
      makeTar(longName('b'), file('c')),
    ]),
  )
  .add(
    'pax-device',
    makeTar(
      file('f', {
        pax: { 'SCHILY.devmajor': '8', 'SCHILY.devminor': '0', 'SCHILY.filetype': 'block' },
      }),
    ),
  )
  .add(
    'pax-charset',
    makeTar(file('f', { pax: { hdrcharset: 'BINARY', charset: 'ISO-IR 8859 1 1998' } })),
  )
  .add(
    'pax-size-smaller',
    Buffer.concat([
      tarEntry(
        file('f', { pax: { size: '512' }, content: Buffer.alloc(512, 'x'), size: 0o77777777777 }),
      ),
      end,
    ]),
  )
  .add('pax-size-on-directory', makeTar(dir('d', { pax: { size: '99999' } }), file('f')))

const base256 = (value: bigint, width: number): Buffer => {
  const bytes = Buffer.alloc(width)
  let rest = BigInt.asUintN(width * 8, value)
  for (let at = width - 1; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn)
  bytes[0] = (bytes[0] ?? 0) | 0x80
  return bytes
}
const SIZE = 124
const numbers = new Collection('numbers of headers')

numbers
  .add('size-negative', makeTar(file('f', { size: -1 })), REFUSED)
  .add(
    'size-base256-negative',
    makeTar(file('f', { patch: [[SIZE, base256(-512n, 12)]] })),
    REFUSED,
  )
  .add(
    'size-base256-huge',
    makeTar(file('f', { patch: [[SIZE, base256(2n ** 62n, 12)]] })),
    REFUSED,
  )
  .add(
    'size-base256-beyond',
    makeTar(file('f', { patch: [[SIZE, base256(2n ** 90n, 12)]] })),
    REFUSED,
  )
  .add(
    'size-base256-least',
    makeTar(file('f', { patch: [[SIZE, base256(-(2n ** 63n), 12)]] })),
    REFUSED,
  )
  .add(
    'size-base256-plain',
    makeTar(file('f', { content: 'abc', patch: [[SIZE, base256(3n, 12)]] })),
  )
  .add('size-octal-largest', makeTar(file('f', { size: 0o77777777777 })), REFUSED)
  .add('size-not-octal', makeTar(file('f', { patch: [[SIZE, '99999999999\0']] })), REFUSED)
  .add('size-letters', makeTar(file('f', { patch: [[SIZE, 'evil\0\0\0\0\0\0\0\0']] })), REFUSED)
  .add('size-minus', makeTar(file('f', { patch: [[SIZE, '-0000000001\0']] })), REFUSED)
  .add('size-spaces', makeTar(file('f', { content: '', patch: [[SIZE, '            ']] })))
  .add('size-unterminated', makeTar(file('f', { content: 'abc', patch: [[SIZE, '000000000003']] })))
  .add('size-of-symlink', makeTar({ ...symlink('l', '/etc'), size: 0o77777777777 }, file('f')))
  .add('uid-base256-negative', makeTar(file('f', { uid: -1 })), REFUSED)
  .add('uid-base256-huge', makeTar(file('f', { patch: [[108, base256(2n ** 50n, 8)]] })), REFUSED)
  .add('gid-base256-huge', makeTar(file('f', { patch: [[116, base256(2n ** 33n, 8)]] })), REFUSED)
  .add('mode-base256', makeTar(file('f', { patch: [[100, base256(2n ** 40n + 0o644n, 8)]] })))
  .add('mode-letters', makeTar(file('f', { patch: [[100, 'rwxrwxrw']] })), REFUSED)
  .add('mtime-base256-negative', makeTar(file('f', { patch: [[136, base256(-(2n ** 40n), 12)]] })))
  .add('mtime-base256-huge', makeTar(file('f', { patch: [[136, base256(2n ** 62n, 12)]] })))
  .add(
    'mtime-base256-beyond',
    makeTar(file('f', { patch: [[136, base256(2n ** 80n, 12)]] })),
    REFUSED,
  )
  .add('mtime-least', makeTar(file('f', { patch: [[136, base256(-(2n ** 63n), 12)]] })))
  .add('directory-mtime-huge', makeTar(dir('d', { patch: [[136, base256(2n ** 62n, 12)]] })))
  .add(
    'device-base256',
    makeTar({ name: 'd', type: '3', patch: [[329, base256(2n ** 40n, 8)]] }),
    REFUSED,
  )

const sparse = new Collection('sparse maps')
/** GNU's old format: pairs of offset and length, real size, whether more follows. */
function oldSparse(
  pairs: ReadonlyArray<readonly [number | bigint, number | bigint]>,
  real: bigint,
  o: { more?: number; content?: string } = {},
) {
  const map = pairs.flatMap(([offset, length], at) => [
    [386 + at * 24, base256(BigInt(offset), 12)] as const,
    [398 + at * 24, base256(BigInt(length), 12)] as const,
  ])
  const rest: ReadonlyArray<readonly [number, Buffer]> = [
    [482, Buffer.from([o.more ?? 0])],
    [483, base256(real, 12)],
  ]
  return {
    name: 's',
    type: 'S',
    content: o.content ?? 'abc',
    patch: [[257, 'ustar  \0'] as const, [345, Buffer.alloc(155)] as const, ...map, ...rest],
  }
}
const sparsePax = (records: Record<string, string>, content = 'abc'): Buffer =>
  makeTar(file('x', { pax: records, content }))
const v1 = (map: string, real = '1000'): Buffer =>
  makeTar(
    file('x', {
      pax: {
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 's',
        'GNU.sparse.realsize': real,
      },
      content: Buffer.concat([
        Buffer.from(map.padEnd(Math.ceil(map.length / 512) * 512, '\0')),
        Buffer.from('abc'),
      ]),
    }),
  )

sparse
  .add('sparse-old-good', makeTar(oldSparse([[100, 3]], 1000n)))
  .add(
    'sparse-old-overlap',
    makeTar(
      oldSparse(
        [
          [100, 2],
          [101, 1],
        ],
        1000n,
      ),
    ),
    REFUSED,
  )
  .add(
    'sparse-old-backwards',
    makeTar(
      oldSparse(
        [
          [500, 2],
          [100, 1],
        ],
        1000n,
      ),
    ),
    REFUSED,
  )
  .add('sparse-old-beyond', makeTar(oldSparse([[999, 3]], 1000n)), REFUSED)
  .add('sparse-old-overflow', makeTar(oldSparse([[2n ** 62n, 2n ** 62n]], 1000n)), REFUSED)
  .add('sparse-old-negative', makeTar(oldSparse([[-3, 3]], 1000n)), REFUSED)
  .add('sparse-old-size-negative', makeTar(oldSparse([[0, 3]], -1n)), REFUSED)
  .add('sparse-old-size-huge', makeTar(oldSparse([[0, 3]], 2n ** 62n)), REFUSED)
  .add('sparse-old-sum-lies', makeTar(oldSparse([[0, 2]], 1000n)), REFUSED)
  .add(
    'sparse-old-more-missing',
    tarEntry(oldSparse([[0, 3]], 1000n, { more: 1, content: '' })),
    REFUSED,
  )
  .add(
    'sparse-0.0-good',
    sparsePax({
      'GNU.sparse.size': '1000',
      'GNU.sparse.numblocks': '1',
      'GNU.sparse.offset': '9',
      'GNU.sparse.numbytes': '3',
    }),
  )
  .add(
    'sparse-0.1-good',
    sparsePax({ 'GNU.sparse.size': '1000', 'GNU.sparse.numblocks': '1', 'GNU.sparse.map': '9,3' }),
  )
  .add(
    'sparse-0.1-odd',
    sparsePax({ 'GNU.sparse.size': '1000', 'GNU.sparse.map': '9,3,4' }),
    REFUSED,
  )
  .add(
    'sparse-0.1-letters',
    sparsePax({ 'GNU.sparse.size': '1000', 'GNU.sparse.map': 'a,b' }),
    REFUSED,
  )
  .add(
    'sparse-0.1-commas',
    sparsePax({ 'GNU.sparse.size': '1000', 'GNU.sparse.map': ',,,,' }),
    REFUSED,
  )
  .add(
    'sparse-0.1-count-lies',
    sparsePax({ 'GNU.sparse.size': '1000', 'GNU.sparse.numblocks': '7', 'GNU.sparse.map': '9,3' }),
    REFUSED,
  )
  .add(
    'sparse-0.1-name',
    sparsePax({
      'GNU.sparse.name': `../${MARK}`,
      'GNU.sparse.size': '3',
      'GNU.sparse.numblocks': '1',
      'GNU.sparse.map': '0,3',
    }),
    REFUSED,
  )
  .add('sparse-1.0-good', v1('1\n9\n3\n'))
  .add('sparse-1.0-count-huge', v1('99999999999\n'), REFUSED)
  .add('sparse-1.0-count-negative', v1('-1\n'), REFUSED)
  .add('sparse-1.0-letters', v1('evil\n'), REFUSED)
  .add('sparse-1.0-unending', v1('1'.repeat(600)), REFUSED)
  .add('sparse-1.0-overlap', v1('2\n0\n2\n1\n1\n'), REFUSED)
  .add('sparse-1.0-real-huge', v1('1\n9\n3\n', '99999999999999999999'), REFUSED)
  .add('sparse-1.0-real-letters', v1('1\n9\n3\n', 'many'), REFUSED)
  .add('sparse-1.0-map-cut', v1('3\n9\n3\n'), REFUSED)
  .add('sparse-1.0-long-map', v1(`65536\n${'0\n0\n'.repeat(65_535)}0\n3\n`))
  .add(
    'sparse-2.0',
    sparsePax({ 'GNU.sparse.major': '2', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '3' }),
  )
  .add('sparse-huge-hole', v1('1\n0\n3\n', String(2 ** 45)), LAYER_REFUSED)
  .add(
    'sparse-directory',
    makeTar(
      dir('d', {
        pax: { 'GNU.sparse.size': '1000', 'GNU.sparse.numblocks': '1', 'GNU.sparse.map': '0,3' },
      }),
    ),
    REFUSED,
  )

const damage = new Collection('damaged archives')
const good = makeTar(dir('d'), file('d/f', { content: 'x'.repeat(1500) }), symlink('l', 'd'))

damage
  .add('nothing', Buffer.alloc(0))
  .add('one-byte', Buffer.from('x'), REFUSED)
  .add('511-bytes', good.subarray(0, 511), REFUSED)
  .add('text', Buffer.from('this is no archive at all. '.repeat(50)), REFUSED)
  .add(
    'noise',
    Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919 + (at >> 3) * 31) & 0xff)),
    REFUSED,
  )
  .add('zeros-only', Buffer.alloc(1 << 20))
  .add('one-zero-block', Buffer.alloc(512))
  .add('cut-in-header', good.subarray(0, 700), REFUSED)
  .add('cut-in-content', good.subarray(0, 1024 + 700), REFUSED)
  .add('cut-in-padding', good.subarray(0, 1024 + 1500))
  .add('cut-between', good.subarray(0, 512))
  .add('no-end', good.subarray(0, good.length - 1024))
  .add('one-end-block', good.subarray(0, good.length - 512))
  .add('checksum-wrong', makeTar(file('f', { checksum: '000000\0 ' })), REFUSED)
  .add('checksum-letters', makeTar(file('f', { checksum: 'evilevil' })), REFUSED)
  .add('checksum-empty', makeTar(file('f', { checksum: '\0'.repeat(8) })), REFUSED)
  .add('checksum-spaces', makeTar(file('f', { checksum: ' '.repeat(8) })), REFUSED)
  .add(
    'second-header-damaged',
    Buffer.concat([tarEntry(file('f')), makeTar(file('g', { checksum: '777777\0 ' }))]),
    REFUSED,
  )
  .add('magic-missing', makeTar(file('f', { patch: [[257, Buffer.alloc(8)]] })))
  .add('magic-unknown', makeTar(file('f', { patch: [[257, 'evil!\0xx']] })))
  .add(
    'magic-gnu-prefix',
    makeTar(
      file('f', {
        patch: [
          [257, 'ustar  \0'],
          [345, '../../../evil'],
        ],
      }),
    ),
  )
  .add(
    'magic-star-prefix',
    makeTar(
      file('f', {
        patch: [
          [345, 'p'.repeat(131)],
          [508, 'tar\0'],
        ],
      }),
    ),
    {},
  )
  .add('type-unknown', makeTar(file('f', { type: 'Z' })), REFUSED)
  .add('type-volume', makeTar(file('f', { type: 'V' })), REFUSED)
  .add('type-multivolume', makeTar(file('f', { type: 'M' })), REFUSED)
  .add('type-dumpdir', makeTar(file('f', { type: 'D' })), REFUSED)
  .add('type-byte-255', makeTar(file('f', { patch: [[156, Buffer.from([255])]] })), REFUSED)
  .add('garbage-after-end', Buffer.concat([good, Buffer.from('x'.repeat(5000))]))
  .add('archive-after-end', Buffer.concat([good, makeTar(file(`../${MARK}`))]))
  .add('archive-after-one-zero', Buffer.concat([Buffer.alloc(512), good]), REFUSED)
  .add(
    'archive-after-no-end',
    Buffer.concat([good.subarray(0, good.length - 1024), makeTar(file('second'))]),
  )
  .add('nested-archive', makeTar(file('inner.tar', { content: makeTar(file(`../${MARK}`)) })))
  .add('content-is-header', makeTar(file('f', { content: makeTar(file(`../${MARK}`)) })))
  .add('content-shorter-than-size', makeTar(file('f', { size: 10_000 })), REFUSED)
  .add(
    'padding-with-garbage',
    Buffer.concat([
      Buffer.from(good.subarray(0, 1024 + 1500)),
      Buffer.alloc(36, 'x'),
      good.subarray(1024 + 1536),
    ]),
  )
  .add('gnu-name-twice', makeTar(longName('a'), longName('b'), file('c')))
  .add('gnu-name-of-nothing', makeTar(longName('a')), REFUSED)
  .add('gnu-name-negative', makeTar({ name: 'l', type: 'L', size: -1 }), REFUSED)
  .add('gnu-name-cut', tarEntry(longName('abc')).subarray(0, 514), REFUSED)
  .add('gnu-1000-names', makeTar(...Array.from({ length: 1000 }, () => longName('a')), file('c')))

export const format: readonly HostileTar[] = [
  ...pax.cases,
  ...numbers.cases,
  ...sparse.cases,
  ...damage.cases,
]
