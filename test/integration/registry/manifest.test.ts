/** `manifest` of our CLI beside docker's: the same lines against the same registry say the same. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type Outcome, runCli } from '@tdocker/cli/testing/run-cli.ts'
import { type MadeImage, makeImage, makeIndex, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { CREDENTIALS, FaultRegistry, TokenServer } from '../../lib/registry.ts'

let registry: FaultRegistry
let amd: MadeImage
let arm: MadeImage
let directory: string
/** Of our CLI, and of docker's. */
let configs: [string, string]

before(async () => {
  registry = await FaultRegistry.start()
  const layer = async (content: string): Promise<ReturnType<typeof makeLayer>> =>
    makeLayer(await tarOf([{ name: 'f', content }]))
  amd = makeImage({ layers: [await layer('amd')] })
  arm = makeImage({ layers: [await layer('arm')] })
  const oci = makeImage({ layers: [await layer('oci')], format: 'oci' })
  registry.add('team/amd:1', amd)
  registry.add('team/arm:1', arm)
  registry.add('team/list:oci', oci)
  registry.add(
    'team/list:both',
    makeIndex([
      { image: amd, platform: { os: 'linux', architecture: 'amd64' } },
      { image: arm, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
    ]),
  )
  directory = await mkdtemp(join(tmpdir(), 'tdocker-manifest-'))
  configs = [join(directory, 'ours'), join(directory, 'docker')]
})

after(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function docker(args: readonly string[], config: string): Promise<Outcome> {
  const child = spawn('docker', args, {
    env: { PATH: process.env['PATH'], DOCKER_CONFIG: config, HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ])
  return { code, stdout, stderr }
}

const ours = (args: readonly string[], config = configs[0]): Promise<Outcome> =>
  runCli(args, { config })

/** Both say the same; answers what they said. */
async function same(...args: string[]): Promise<Outcome> {
  const line = args.map((arg) => arg.replace(/^R\//, `${registry.host}/`))
  const [our, their] = [await ours(line), await docker(line, configs[1])]
  assert.deepEqual(our, their, args.join(' '))
  return our
}

test('inspect: images and lists of a registry', async () => {
  for (const name of ['R/team/amd:1', 'R/team/list:oci', 'R/team/list:both']) {
    assert.equal((await same('manifest', 'inspect', '--insecure', name)).code, 0)
    assert.equal((await same('manifest', 'inspect', '--insecure', '-v', name)).code, 0)
  }
  const digest = `R/team/amd@${amd.manifest.digest}`
  assert.equal((await same('manifest', 'inspect', '--insecure', digest)).code, 0)
})

test('what is not there, and names that are none', async () => {
  const missing = await same('manifest', 'inspect', '--insecure', 'R/team/amd:2')
  assert.equal(missing.code, 1)
  // With details of its own an answer is looked at, as docker-registry's is.
  registry.faults.push((_request, response, url) => {
    if (!url.pathname.endsWith('/team/amd/manifests/3')) return false
    const errors = [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: '3' } }]
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors }))
    return true
  })
  const unknown = await same('manifest', 'inspect', '--insecure', 'R/team/amd:3')
  assert.equal(unknown.stderr, `no such manifest: ${registry.host}/team/amd:3\n`)
  await same('manifest', 'inspect', '--insecure', 'R/nothing/here')
  await same('manifest', 'inspect', 'team/UPPER')
  await same('manifest', 'push', 'R/team/none:1')
  await same('manifest', 'rm', 'R/team/none:1', 'R/team/none:2')
  await same('manifest', 'annotate', 'R/team/none:1', 'R/team/amd:1', '--os', 'linux')
  await same('manifest', 'create', '--insecure', 'R/team/new:1', 'R/team/amd:7')
  await same('manifest', 'create', '--insecure', 'R/team/new:1', 'R/team/list:both')
})

test('a list is begun, annotated, pushed and deleted', async () => {
  const list = 'R/team/new:2'
  await same('manifest', 'create', '--insecure', list, 'R/team/amd:1')
  await same('manifest', 'create', '--insecure', list, 'R/team/arm:1')
  await same('manifest', 'create', '--insecure', '--amend', list, 'R/team/arm:1')
  await same('manifest', 'annotate', list, 'R/team/arm:1', '--arch', 'arm', '--variant', 'v7')
  await same(
    ...['manifest', 'annotate', list, 'R/team/arm:1', '--os-features', 'a,b'],
    ...['--os-version', '7', '--os-features', 'b'],
  )
  await same('manifest', 'annotate', list, 'R/team/arm:1', '--os', 'beos')
  await same('manifest', 'inspect', list)
  await same('manifest', 'inspect', '-v', list)
  await same('manifest', 'inspect', list, 'R/team/arm:1')
  await same('manifest', 'inspect', list, 'R/team/other:1')
  const files = await Promise.all(
    configs.map(async (config) => {
      const [name = ''] = await readdir(join(config, 'manifests'))
      const below = (await readdir(join(config, 'manifests', name))).toSorted()
      const texts = below.map((file) => readFile(join(config, 'manifests', name, file), 'utf8'))
      return [name, below, (await Promise.all(texts)).map((one) => JSON.parse(one) as unknown)]
    }),
  )
  assert.deepEqual(files[0], files[1])
  const pushed = await same('manifest', 'push', '--insecure', list)
  const digest = pushed.stdout.trim().split('\n').at(-1) ?? ''
  const stored = registry.manifests.get('team/new/2')
  assert.equal(stored?.digest, digest)
  assert.equal(stored.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json')
  await same('manifest', 'inspect', '--insecure', list)
  await same('manifest', 'push', '--insecure', '--purge', list)
  await same('manifest', 'rm', list)
})

test('each reads what the other wrote', async () => {
  const list = `${registry.host}/team/shared:1`
  const [, config] = configs
  const create = ['manifest', 'create', '--insecure', list, `${registry.host}/team/amd:1`]
  assert.equal((await docker(create, config)).code, 0)
  const add = ['manifest', 'create', '--insecure', '-a', list, `${registry.host}/team/arm:1`]
  assert.equal((await ours(add, config)).code, 0)
  const inspect = ['manifest', 'inspect', '-v', list]
  assert.deepEqual(await ours(inspect, config), await docker(inspect, config))
  const push = ['manifest', 'push', '--insecure', list]
  const digest = (await ours(push, config)).stdout
  assert.equal(digest, (await docker(push, config)).stdout)
})

test('the user’s credentials buy tokens for what is read and written, also from elsewhere', async () => {
  await using guarded = await FaultRegistry.start()
  await using tokens = await TokenServer.start()
  guarded.faults.push(tokens.guard())
  guarded.add('from/amd:1', amd)
  const config = await mkdtemp(join(directory, 'login-'))
  const auth = Buffer.from(`${CREDENTIALS.username}:${CREDENTIALS.password}`).toString('base64')
  const list = `${guarded.host}/to/list:1`
  const create = ['manifest', 'create', '--insecure', list, `${guarded.host}/from/amd:1`]
  const refused = await ours(create, config)
  assert.deepEqual(refused, await docker(create, config))
  assert.match(refused.stderr, /denied: requested access to the resource is denied/)
  await writeFile(
    join(config, 'config.json'),
    JSON.stringify({ auths: { [guarded.host]: { auth } } }),
  )
  assert.deepEqual(await ours(create, config), {
    code: 0,
    stdout: `Created manifest list ${list}\n`,
    stderr: '',
  })
  const push = await ours(['manifest', 'push', '--insecure', list], config)
  assert.equal(push.code, 0, push.stderr)
  assert.match(push.stdout, /^Pushed ref .*\/to\/list@sha256:\w+ with digest: sha256:\w+\nsha256:/)
  assert.ok(guarded.manifests.has(`to/list/${amd.manifest.digest}`))
  const scopes = tokens.seen.map(({ parameters }) => parameters['scope'])
  assert.ok(scopes.includes('repository:from/amd:pull'))
  assert.ok(guarded.seen.every((seen) => !seen.authorization?.startsWith('Basic')))
})

test('a registry without TLS is spoken to only when that is asked for', async () => {
  const { code, stdout } = await ours(['manifest', 'inspect', `${registry.host}/team/amd:1`])
  assert.deepEqual([code, stdout], [1, ''])
})
