/** ADD: archives, and what it has of COPY. Addresses and git are tested with servers of their own. */
import { packed } from '../../../../lib/archive-maker.ts'
import { tarOf } from '../../../../lib/image-maker.ts'
import { CONTEXT_TIME, type Case, file, lines } from '../case.ts'

const mtime = CONTEXT_TIME
const archive = await tarOf([
  { name: './', type: 'directory', mode: 0o700, mtime },
  { name: 'top/', type: 'directory', mode: 0o711, uid: 3, gid: 4, mtime },
  { name: 'top/file', content: 'unpacked', mode: 0o4750, uid: 5, gid: 6, mtime },
  { name: 'top/hard', type: 'link', linkname: 'top/file', mode: 0o4750, uid: 5, gid: 6, mtime },
  { name: 'top/link', type: 'symlink', linkname: 'file', mtime },
  { name: 'top/pipe', type: 'fifo', mode: 0o600, mtime },
  { name: 'implied/dirs/file', content: 'i', mtime },
])

/** As of a distribution whose /lib is a link. */
const throughLinks = await tarOf([
  { name: 'sbin-of-it/x', content: 'through', mtime },
  { name: 'own/', type: 'directory', mtime },
  { name: 'own/link', type: 'symlink', linkname: '../kept', mtime },
  { name: 'own/link/y', content: 'own', mtime },
  { name: 'replaced/', type: 'directory', mode: 0o755, mtime },
  { name: 'replaced/z', content: 'replaced', mtime },
])

const twice = await tarOf([
  { name: 'd/', type: 'directory', mode: 0o700, mtime },
  { name: 'f', content: 'first', mtime },
  { name: 'd/', type: 'directory', mode: 0o711, mtime },
  { name: 'f', content: 'second', mtime },
])

function binary(content: Buffer): Case['files'][string] {
  return { type: 'file', content, mtime }
}

export const add: readonly Case[] = [
  {
    name: 'add-file',
    covers: ['ADD', 'ADD json'],
    classic: true,
    files: {
      Dockerfile: lines(
        'FROM base',
        'ADD one /new/name',
        'ADD one two /both/',
        'ADD ["one", "/json/"]',
        'ADD dir /dir',
        'ADD ?ne /wild/',
      ),
      one: file('1'),
      two: file('2'),
      'dir/inner': file('i', { mode: 0o600 }),
    },
  },
  {
    name: 'add-archives',
    covers: ['ADD tar', 'ADD tar.gz', 'ADD tar.bz2', 'ADD tar.xz'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'ADD a.tar /plain/',
        'ADD a.tgz /gzip',
        'ADD a.bz2 /bzip2',
        'ADD a.xz /xz',
        'ADD a.tar a.tgz /both/',
        'ADD not.tar /not/',
        'COPY a.tar /copied/',
      ),
      'a.tar': binary(archive),
      'a.tgz': binary(packed(archive, 'gzip')),
      'a.bz2': binary(packed(archive, 'bzip2')),
      'a.xz': binary(packed(archive, 'xz')),
      'not.tar': file('no archive'),
    },
  },
  {
    name: 'add-archive-zstd',
    covers: ['ADD tar.zst'],
    files: {
      Dockerfile: lines('FROM base', 'ADD a.zst /zstd'),
      'a.zst': binary(packed(archive, 'zstd')),
    },
  },
  {
    name: 'add-archive-flags',
    covers: ['ADD --unpack', 'ADD --chown', 'ADD --chmod'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'ADD --unpack=false a.tar /packed/',
        'ADD --unpack a.tar /unpacked/',
        'ADD --chown=7:8 a.tar /owned/',
        'ADD --chmod=600 a.tar /modes/',
      ),
      'a.tar': binary(archive),
    },
  },
  {
    name: 'add-archive-links',
    covers: ['ADD through links'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'RUN mkdir /real /kept && ln -s real /sbin-of-it && ln -s /real /replaced && mkdir /busy && echo x > /busy/file',
        'ADD a.tar /',
      ),
      'a.tar': binary(throughLinks),
    },
  },
  {
    name: 'add-archive-twice',
    covers: ['ADD told twice'],
    files: {
      Dockerfile: lines('FROM base', 'ADD a.tar /x/', 'ADD a.tar b.tar /y/'),
      'a.tar': binary(twice),
      'b.tar': binary(archive),
    },
  },
  {
    name: 'add-damaged',
    covers: ['ADD tar.gz'],
    files: {
      Dockerfile: lines('FROM base', 'ADD a.tgz /x/'),
      'a.tgz': binary(packed(archive, 'gzip').subarray(0, 30)),
    },
  },
]
