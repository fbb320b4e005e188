import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tdocker-images-'))
after(() => rmSync(scratch, { recursive: true }))

const item = {
  Id: `sha256:${'a'.repeat(64)}`,
  Created: 1_600_000_000,
  CreatedBy: `/bin/sh -c echo\t${'x'.repeat(60)}`,
  Size: 1_234_567,
  Comment: 'why',
  Tags: [],
}

test('history: for people and for programs', async () => {
  const body = [item, { ...item, Id: '<missing>', Created: 0 }]
  await using daemon = await FakeDaemon.start(() => ({ body }))
  const history = async (...args: string[]): Promise<string> =>
    (await runCli(['history', ...args, 'x'], { host: daemon.host })).stdout
  const table = (await history())
    .replaceAll(/\d+ years ago/g, 'N years ago')
    .replaceAll(/ {2,}/g, '  ')
  assert.equal(
    table,
    `IMAGE  CREATED  CREATED BY  SIZE  COMMENT
aaaaaaaaaaaa  N years ago  /bin/sh -c echo ${'x'.repeat(28)}…  1.23MB  why
<missing>  N/A  /bin/sh -c echo ${'x'.repeat(28)}…  1.23MB  why
`,
  )
  assert.equal(await history('-q', '--no-trunc'), `${item.Id}\n<missing>\n`)
  assert.match(await history('-H=false'), /2020-09-1\dT.* 1234567 /)
})

test('save, load, import', async () => {
  await using daemon = await FakeDaemon.start(({ line }) => {
    if (line.startsWith('GET')) return { raw: 'archive' }
    if (line.startsWith('POST /images/load')) {
      return {
        raw: '{"stream":"Loaded image: x:1\\n"}\n',
        headers: { 'content-type': 'application/json' },
      }
    }
    return { raw: '{"status":"sha256:1"}\n' }
  })
  const run = (args: string[], stdin?: string) =>
    runCli(args, { host: daemon.host, ...(stdin === undefined ? {} : { stdin }) })
  const file = join(scratch, 'saved.tar')
  await run(['save', '-o', file, 'a', 'b:1'])
  assert.equal(readFileSync(file, 'utf8'), 'archive')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(daemon.lines.at(-1), 'GET /images/get?names=a&names=b%3A1')
  const loaded = await run(['load', '-i', file])
  assert.equal(loaded.stdout, 'Loaded image: x:1\n')
  assert.equal(daemon.seen.at(-1)?.body, 'archive')
  await run(['load'], 'from stdin')
  assert.equal(daemon.seen.at(-1)?.body, 'from stdin')
  writeFileSync(file, 'tar')
  const imported = await run(['import', '-c', 'ENV A=1', '-m', 'why', file, 'new:1'])
  assert.equal(imported.stdout, 'sha256:1\n')
  assert.equal(
    decodeURIComponent(daemon.lines.at(-1) ?? ''),
    'POST /images/create?fromSrc=-&repo=new:1&message=why&changes=ENV A=1',
  )
  const missing = await run(['import', '/no/such'])
  assert.deepEqual(
    [missing.stderr, missing.code],
    ['open /no/such: no such file or directory\n', 1],
  )
})

test('push: the tag, and what goes wrong', async () => {
  await using daemon = await FakeDaemon.start(() => ({
    raw: '{"status":"The push refers to repository [h:5000/x]"}\n{"errorDetail":{"message":"denied"},"error":"denied"}\n',
  }))
  const push = (...args: string[]) => runCli(['push', ...args], { host: daemon.host })
  const { stdout, stderr, code } = await push('h:5000/x')
  assert.deepEqual(
    [stdout, stderr, code],
    ['Using default tag: latest\nThe push refers to repository [h:5000/x]\n', 'denied\n', 1],
  )
  assert.equal(daemon.lines.at(-1), 'POST /images/h:5000/x/push?tag=latest')
  assert.match((await push('-a', 'x:1')).stderr, /tag can't be used with --all-tags/)
  const byDigest = await push(`x@sha256:${'a'.repeat(64)}`)
  assert.equal(byDigest.stderr, 'cannot push a digest reference\n')
})

test('push: quietly, all tags, one platform', async () => {
  await using daemon = await FakeDaemon.start(() => ({
    raw: '{"status":"The push refers to repository [docker.io/library/x]"}\n{"progressDetail":{},"aux":{"Tag":"1"}}\n',
  }))
  const push = (...args: string[]) => runCli(['push', ...args], { host: daemon.host })
  assert.equal((await push('-q', 'x')).stdout, 'docker.io/library/x:latest\n')
  assert.equal((await push('-q', '-a', 'x')).stdout, 'docker.io/library/x\n')
  assert.equal(daemon.lines.at(-1), 'POST /images/x/push')
  const { stdout } = await push('--platform', 'linux/arm64', 'x:1')
  assert.equal(
    stdout,
    [
      '',
      ' Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.',
      '         Other components, like attestations, will not be included.',
      '         To push the complete multi-platform image, remove the --platform flag.',
      '         ',
      'The push refers to repository [docker.io/library/x]',
      '',
    ].join('\n'),
  )
  const platform = encodeURIComponent('{"architecture":"arm64","os":"linux"}')
  assert.equal(daemon.lines.at(-1), `POST /images/x/push?tag=1&platform=${platform}`)
})
