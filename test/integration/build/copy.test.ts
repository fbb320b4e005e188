/** COPY and ADD: places, owners, modes, wildcards, archives, and contexts that want out. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { packed } from '../../lib/archive-maker.ts'
import { tarOf } from '../../lib/image-maker.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, cachedSteps, contextOf, inspect, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

test('files and directories go where the rules say', async () => {
  const made = await built(daemon, {
    Dockerfile: [
      'FROM busybox',
      'RUN mkdir -p /real/dir && ln -s /real /link && mkdir -p /etc && echo someone:x:55:56::/: >> /etc/passwd && echo people:x:56: >> /etc/group',
      'COPY one /new/name',
      'COPY one /into/',
      'COPY one two /both/',
      'COPY dir /copied',
      'COPY dir/ /link/dir',
      'COPY t?o d*/inner /wild/',
      'COPY --chown=someone --chmod=640 one /owned/',
      'COPY --chmod=u=rwX,go= dir /modes',
      'COPY --exclude=*.log no*pe dir /without/',
      'COPY --parents dir/sub/./deep /kept/',
      'COPY ../../../one /clamped',
      'COPY sym /followed',
      'COPY <<EOF /said',
      'inline $HOME',
      'EOF',
      'WORKDIR /wd',
      'COPY one .',
    ].join('\n'),
    one: '1',
    two: '2',
    'dir/inner': 'i',
    'dir/x.log': 'log',
    'dir/sub/deep': 'd',
    sym: { type: 'symlink', linkname: 'one' },
  })
  const script = [
    'cd /; cat new/name into/one both/one both/two copied/inner real/dir/inner wild/two wild/inner',
    'cat clamped followed said wd/one kept/deep copied/sub/deep; stat -c "%U:%G %a" owned/one',
    'stat -c %a modes modes/inner modes/sub; ls without; test -L /link && echo link',
    'stat -c "%a %u" /into',
  ].join('\n')
  assert.equal(
    await outputOf(daemon, made.id, script),
    '1112ii2i11inline \n1dd' + 'someone:people 640\n755\n600\n700\ninner\nsub\nlink\n755 0\n',
  )
})

test('times do not count for the cache, modes and names do', async () => {
  const files = (mtime: number, mode: number) => ({
    Dockerfile: 'FROM busybox\nCOPY f /f\n',
    f: { type: 'file' as const, content: 'x', mtime: new Date(mtime), mode },
  })
  await built(daemon, files(1e12, 0o644))
  assert.equal(cachedSteps(await built(daemon, files(2e12, 0o644))), 1)
  assert.equal(cachedSteps(await built(daemon, files(2e12, 0o600))), 0)
})

test('contexts and added archives may be compressed; ADD unpacks what COPY does not', async () => {
  const inner = await tarOf([
    { name: 'top/', type: 'directory' },
    { name: 'top/file', content: 'unpacked' },
    { name: 'top/hard', type: 'link', linkname: 'top/file' },
  ])
  for (const packing of ['none', 'gzip', 'zstd', 'xz', 'bzip2'] as const) {
    const archive = packed(inner, packing)
    const context = await contextOf({
      Dockerfile: 'FROM busybox\nADD a.tar /added/\nCOPY a.tar /copied/\nADD plain /added/\n',
      'a.tar': { type: 'file', content: archive },
      plain: 'plain',
    })
    const made = await built(daemon, packed(context, packing))
    assert.equal(
      await outputOf(daemon, made.id, 'cat /added/top/hard /added/plain; ls /copied'),
      'unpackedplaina.tar\n',
      packing,
    )
  }
})

test('what is missing, too much or cannot be a layer is refused in words', async () => {
  for (const [line, files, error] of [
    [
      'COPY nope /',
      {},
      /^COPY failed: file not found in build context.*stat nope: file does not exist$/,
    ],
    [
      'COPY a b /dest',
      { a: '', b: '' },
      /more than one source file, the destination must be a directory/,
    ],
    ['COPY a /bin/busybox/x', { a: '' }, /not a directory/],
    ['COPY .wh.a /', { '.wh.a': '' }, /names that begin with \.wh\./],
    ['COPY --chown=nobodyatall a /', { a: '' }, /unable to convert uid\/gid chown string/],
    ['COPY --chmod=9 a /', { a: '' }, /invalid chmod parameter/],
    ['ADD git@example.com:-a/b.git /', {}, /^invalid git address/],
  ] as const) {
    const made = await build(daemon, { Dockerfile: `FROM busybox\n${line}\n`, ...files })
    assert.match(made.error, error, `${line}: ${made.text}`)
  }
})

test('links and names that lead out of a context stay in it', async () => {
  const context = await tarOf([
    {
      name: 'Dockerfile',
      content: 'FROM busybox\nCOPY etc /copied\nCOPY --from=0 / /\n'
        .split('\n')
        .slice(0, 2)
        .join('\n'),
    },
    { name: 'etc', type: 'symlink', linkname: '/etc' },
  ])
  const escaped = await build(daemon, context)
  assert.match(escaped.error, /file not found in build context/)
  for (const name of ['../out', '/../../out', 'a/../../out']) {
    const made = await build(
      daemon,
      await tarOf([
        { name: 'Dockerfile', content: 'FROM busybox\nRUN true\n' },
        { name, content: 'x' },
      ]),
    )
    assert.ok(made.status === 400 || made.error === '', made.error)
  }
  const through = await build(
    daemon,
    await tarOf([
      { name: 'Dockerfile', content: 'FROM busybox\nCOPY link/hostname /h\n' },
      { name: 'link', type: 'symlink', linkname: '../../../../../../etc' },
    ]),
  )
  assert.match(through.error, /file does not exist/)
  const dockerfile = await build(
    daemon,
    await tarOf([{ name: 'Dockerfile', type: 'symlink', linkname: '/etc/passwd' }]),
  )
  assert.match(dockerfile.error, /Cannot locate specified Dockerfile/)
})

test('a target that is a link of the image leads nowhere but into the image', async () => {
  const made = await built(daemon, {
    Dockerfile:
      'FROM busybox\nRUN ln -s /../../../../canary /out\nCOPY f /out/f\nRUN cat /canary/f > /seen\n',
    f: 'inside',
  })
  assert.equal(await outputOf(daemon, made.id, 'cat /seen'), 'inside')
})

test('a linked copy is cached whatever is below it, and follows none of its links', async () => {
  const files = (base: string): Parameters<typeof built>[1] => ({
    Dockerfile: `FROM busybox\nRUN ${base}\nCOPY --link f dir /linked/\nRUN cat /linked/f > /seen\n`,
    f: 'f',
    'dir/inner': 'i',
  })
  const first = await built(daemon, files('mkdir /real && ln -s /real /linked'))
  assert.equal(cachedSteps(first), 0)
  const script = 'cat /seen /linked/inner; test -L /linked || echo directory; ls /real'
  assert.equal(await outputOf(daemon, first.id, script), 'fidirectory\n')
  const second = await built(daemon, files('echo other > /other'))
  assert.equal(cachedSteps(second), 1, second.text)
  const layer = async (id: string): Promise<string | undefined> =>
    (await inspect(daemon, id)).RootFS?.Layers?.at(-2)
  assert.equal(await layer(first.id), await layer(second.id))
  assert.equal(cachedSteps(await built(daemon, files('echo other > /other'))), 3)
})
