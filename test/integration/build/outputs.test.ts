/** `-o`: what a build gives back, to our client and to any other. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'
import { type CommandResult, TestDaemon, hasProgram, until } from '../../lib/test-daemon.ts'
import { assertClean, build, contextOf, outputOf } from './build-rig.ts'

const cli = join(import.meta.dirname, '../../../packages/cli/main.ts')

const MANIFESTS =
  'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json'

let daemon: TestDaemon
let registry: TestRegistry
let context: string
before(async () => {
  ;[daemon, registry] = await Promise.all([TestDaemon.start(), startRegistry()])
  context = join(daemon.directory, 'context')
  mkdirSync(join(context, 'tree/sub'), { recursive: true })
  writeFileSync(join(context, 'tree/run'), '#!/bin/sh\n', { mode: 0o750 })
  writeFileSync(join(context, 'tree/sub/data'), 'data\n')
  symlinkSync('sub/data', join(context, 'tree/link'))
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM scratch\nCOPY --chown=5:6 tree /\nLABEL made=here\nCMD ["/run"]\n',
  )
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const path = (name: string): string => join(daemon.directory, name)
const run = async (...args: string[]): Promise<CommandResult> => {
  const made = await daemon.tdocker('build', ...args, context)
  assert.equal(made.status, 0, made.stderr)
  return made
}
const json = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>

test("a directory gets the files, as the user's own", async () => {
  const metadata = path('local.json')
  await run('-o', path('out'), '--metadata-file', metadata, '-t', 'unused')
  assert.deepEqual(readdirSync(path('out')).toSorted(), ['link', 'run', 'sub'])
  const file = statSync(path('out/run'))
  assert.deepEqual(
    [file.mode & 0o777, file.uid, file.gid],
    [0o750, process.getuid?.(), process.getgid?.()],
  )
  assert.equal(readlinkSync(path('out/link')), 'sub/data')
  assert.equal(readFileSync(path('out/sub/data'), 'utf8'), 'data\n')
  assert.deepEqual(json(metadata), {})
  await run('--output', `type=local,dest=${path('out')}`)
  const { status } = await daemon.api.get('/images/unused/json')
  assert.equal(status, 404)
})

test('what was in the directory before leads nowhere else', async () => {
  mkdirSync(path('trap'))
  mkdirSync(path('elsewhere'))
  symlinkSync('../elsewhere', path('trap/sub'))
  const made = await daemon.tdocker('build', '-o', path('trap'), context)
  assert.notEqual(made.status, 0)
  assert.deepEqual(readdirSync(path('elsewhere')), [])
})

test('a tar comes on stdout, and nothing else does', async () => {
  const script = `"$0" "$1" build --progress=plain -o - "$2" > "$3"`
  const made = await daemon.command('sh', [
    '-c',
    script,
    process.execPath,
    cli,
    context,
    path('std.tar'),
  ])
  assert.equal(made.status, 0, made.stderr)
  const names = execFileSync('tar', ['tf', path('std.tar')], { encoding: 'utf8' })
  assert.deepEqual(names.split('\n').filter(Boolean).toSorted(), [
    'link',
    'run',
    'sub/',
    'sub/data',
  ])
  const classic = `"$0" "$1" build -o type=tar,dest=- "$2" | tar tf - | wc -l`
  const piped = await daemon.command('sh', ['-c', classic, process.execPath, cli, context])
  assert.equal(piped.stdout.trim(), '4', piped.stderr)
  symlinkSync('linked.tar', path('link.tar'))
  await run('-o', `type=tar,dest=${path('link.tar')}`)
  assert.ok(lstatSync(path('link.tar')).isSymbolicLink())
  assert.ok(statSync(path('linked.tar')).size > 1024)
  const device = `"$0" "$1" build -o type=tar,dest=/dev/stdout "$2" > "$3"`
  const toDevice = await daemon.command('sh', [
    '-c',
    device,
    process.execPath,
    cli,
    context,
    path('dev.tar'),
  ])
  assert.equal(toDevice.status, 0, toDevice.stderr)
  assert.ok(readFileSync(path('dev.tar')).equals(readFileSync(path('std.tar'))))
})

test('several at once: a tar, a layout, archives, a name', async () => {
  const metadata = path('many.json')
  await run(
    ...[
      '-o',
      `type=tar,dest=${path('t.tar')}`,
      '-o',
      `type=oci,dest=${path('oci')},tar=false,name=x/y:1`,
    ],
    ...['-o', `type=docker,dest=${path('d.tar')},name=loaded:1`, '-o', 'type=image,name=named'],
    ...['--metadata-file', metadata, '--iidfile', path('iid')],
  )
  const listed = execFileSync('tar', ['tvf', path('t.tar'), 'run'], { encoding: 'utf8' })
  assert.match(listed, /^-rwxr-x--- 5\/6 /)
  assert.deepEqual(readdirSync(path('oci')).toSorted(), ['blobs', 'index.json', 'oci-layout'])
  const { manifests } = json(path('oci/index.json')) as {
    manifests: Array<{ digest: string; annotations: Record<string, string> }>
  }
  assert.equal(manifests[0]!.annotations['io.containerd.image.name'], 'docker.io/x/y:1')
  const told = json(metadata)
  const id = (await daemon.api.get<{ Id: string }>('/images/named/json')).body.Id
  assert.equal(told['containerimage.config.digest'], id)
  assert.equal(readFileSync(path('iid'), 'utf8'), id)
  const blob = manifests[0]!.digest.replace(':', '/')
  assert.equal((json(path(`oci/blobs/${blob}`))['config'] as { digest: string }).digest, id)
  const loaded = await daemon.tdocker('load', '-i', path('d.tar'))
  assert.match(loaded.stdout, /Loaded image: loaded:1/)
  assert.equal((await daemon.api.get<{ Id: string }>('/images/loaded:1/json')).body.Id, id)
  assert.equal((await daemon.api.get('/images/x/y:1/json')).status, 404)
})

test('compressed layers, for others to read', { skip: !hasProgram('skopeo') }, async () => {
  await run(
    ...['-o', `type=oci,dest=${path('gz.tar')},compression=gzip,name=other:1`],
    ...['-o', `type=docker,dest=${path('gz-docker.tar')},compression=gzip,name=other:1`],
    ...['--metadata-file', path('gz.json')],
  )
  const skopeo = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8' })
  const seen = JSON.parse(skopeo('inspect', `oci-archive:${path('gz.tar')}`)) as { Labels: object }
  assert.deepEqual(seen.Labels, { made: 'here' })
  const raw = skopeo('inspect', '--raw', `oci-archive:${path('gz.tar')}`)
  const digest = `sha256:${createHash('sha256').update(raw).digest('hex')}`
  assert.equal(digest, json(path('gz.json'))['containerimage.digest'])
  const { layers } = JSON.parse(raw) as { layers: Array<{ mediaType: string }> }
  assert.ok(layers.every(({ mediaType }) => mediaType.endsWith('tar+gzip')))
  skopeo('copy', '-q', `docker-archive:${path('gz-docker.tar')}`, `dir:${path('copied')}`)
  const loaded = await daemon.tdocker('load', '-i', path('gz.tar'))
  assert.equal(loaded.status, 0, loaded.stderr)
  assert.equal(
    (await daemon.api.get<{ Id: string }>('/images/other:1/json')).body.Id,
    json(path('gz.json'))['containerimage.config.digest'],
  )
  await assertClean(daemon)
})

test('annotations stand in the manifest of a layout', async () => {
  const to = `type=oci,dest=${path('annotated')},tar=false`
  await run(
    '-o',
    to,
    '--annotation',
    'one=1',
    '--annotation',
    'manifest:two=2',
    '--metadata-file',
    path('a.json'),
  )
  const digest = String(json(path('a.json'))['containerimage.digest']).replace(':', '/')
  assert.deepEqual(json(path(`annotated/blobs/${digest}`))['annotations'], { one: '1', two: '2' })
  const refused = await daemon.tdocker('build', '--annotation', 'one=1', context)
  assert.match(refused.stderr, /annotation-manifest.one is not supported/)
})

test('push, load, and the files that tell of them', async () => {
  const name = `${registry.host}/app:1`
  await run('--push', '-t', name, '--metadata-file', path('push.json'))
  const { headers } = await fetch(`http://${registry.host}/v2/app/manifests/1`, {
    headers: { Accept: MANIFESTS },
  })
  assert.equal(
    json(path('push.json'))['containerimage.digest'],
    headers.get('docker-content-digest'),
  )
  assert.equal(json(path('push.json'))['image.name'], name)
  await run('--load', '-t', 'put', '-t', 'put:two', '--metadata-file', path('load.json'))
  assert.equal(json(path('load.json'))['image.name'], 'put:latest,put:two')
  await run('-q', '-t', 'plain', '--metadata-file', path('plain.json'), '--iidfile', path('iid'))
  const { Id } = (await daemon.api.get<{ Id: string }>('/images/plain/json')).body
  assert.deepEqual(json(path('plain.json')), {
    'containerimage.config.digest': Id,
    'containerimage.digest': Id,
    'image.name': 'plain:latest',
  })
  const untagged = await daemon.tdocker('build', '--push', context)
  assert.match(untagged.stderr, /tag is needed when pushing to registry/)
})

test('flags of buildx that scripts give do not stop it; what cannot be had is told', async () => {
  await run('--provenance=false', '--sbom=false', '--builder', 'default', '--allow', 'network.host')
  await run('--cache-to', 'type=inline', '-t', 'inline', '--attest', 'type=sbom,disabled=true')
  for (const [flag, error] of [
    ['--provenance=mode=max', '--provenance: attestations are not supported'],
    ['--builder=far', 'no builder "far" found'],
    ['--cache-to=type=gha', '--cache-to type=gha: only type=inline is supported'],
  ] as const) {
    const made = await daemon.tdocker('build', flag, context)
    assert.notEqual(made.status, 0)
    assert.match(made.stderr, new RegExp(error))
  }
})

test('the epoch of the environment is the time of the files', async () => {
  const made = await daemon.command('env', [
    ...[
      'SOURCE_DATE_EPOCH=1234567890',
      process.execPath,
      cli,
      'build',
      '-o',
      path('timed'),
      context,
    ],
  ])
  assert.equal(made.status, 0, made.stderr)
  assert.equal(statSync(path('timed/run')).mtimeMs, 1_234_567_890_000)
  assert.equal(lstatSync(path('timed/sub')).mtimeMs, 1_234_567_890_000)
})

test('what cannot be is refused before anything runs', async () => {
  for (const [output, error] of [
    ['type=nonsense', /exporter "nonsense" could not be found/],
    ['type=local', /dest is required for local exporter/],
    ['type=local,dest=-', /dest cannot be stdout for local exporter/],
    ['dest=x,name=y', /type is required for output/],
    ['type=tar,dest=/', /destination file \/ is a directory/],
    ['type=oci,dest=/dev/null,compression=zstd', /compression=zstd is not supported/],
    ['type=image,push=perhaps', /non-bool value specified for push/],
    ['type=image,other=1', /other is not supported/],
    ['type=image,name=UPPER', /invalid reference format/],
  ] as const) {
    const made = await daemon.tdocker('build', '-o', output, context)
    assert.notEqual(made.status, 0, output)
    assert.match(made.stderr, error)
    assert.doesNotMatch(made.stdout, /Step 1/)
  }
})

/** A build that offers its tree and waits. */
async function waiting(): Promise<{
  request: http.ClientRequest
  path: string
  ended: Promise<string>
}> {
  const body = await contextOf({ Dockerfile: 'FROM busybox\nRUN echo made > /file\n' })
  const outputs = encodeURIComponent('[{"Type":"local","Attrs":{}}]')
  const request = http.request({
    socketPath: daemon.socket,
    method: 'POST',
    path: `/build?outputs=${outputs}`,
    headers: { 'Content-Type': 'application/x-tar', 'Content-Length': body.length },
  })
  request.on('error', () => {})
  const { promise: told, resolve } = Promise.withResolvers<string>()
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  request.on('response', (response) => {
    let text = ''
    response.on('error', () => {})
    response.on('data', (part: Buffer) => {
      text += part.toString()
      const found = /"Path":"([^"]+)"/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    })
    response.on('close', () => end(text))
  })
  request.end(body)
  return { request, path: await told, ended }
}

test('any client fetches it while the build waits; prune leaves it alone meanwhile', async () => {
  const made = await waiting()
  await daemon.api.post('/build/prune?all=1')
  await daemon.api.post('/images/prune')
  const chunks: Buffer[] = []
  for await (const chunk of await daemon.api.stream('GET', made.path)) chunks.push(chunk as Buffer)
  const file = execFileSync('tar', ['xOf', '-', 'file'], { input: Buffer.concat(chunks) })
  assert.equal(file.toString(), 'made\n')
  assert.match(await made.ended, /"Metadata":\{\}/)
  assert.equal((await daemon.api.get(made.path)).status, 404)
})

test('who goes away, before or while it is sent, leaves nothing', async () => {
  const gone = await waiting()
  gone.request.destroy()
  await until('the offer to end', async () => (await daemon.api.get(gone.path)).status === 404)
  const half = await waiting()
  const response = await daemon.api.stream('GET', half.path)
  response.on('error', () => {})
  response.destroy()
  assert.match(await half.ended, /was not taken whole|"Metadata"/)
  await daemon.api.post('/build/prune?all=1')
  await daemon.api.post('/images/prune')
  await assertClean(daemon)
})

test('an output that is nothing, and what a build without one says, as before', async () => {
  const outputs = '[{"Type":"cacheonly","Attrs":null}]'
  const made = await build(
    daemon,
    { Dockerfile: 'FROM busybox\nRUN echo cache\n' },
    { outputs, t: 'no' },
  )
  assert.match(made.text, /Successfully built [0-9a-f]{12}\n$/)
  const plain = await build(daemon, { Dockerfile: 'FROM busybox\nRUN echo cache\n' }, { t: 'yes' })
  assert.ok(plain.messages.every(({ id }) => id !== 'tdocker.output'))
  assert.equal(await outputOf(daemon, 'yes', 'echo here'), 'here\n')
})
