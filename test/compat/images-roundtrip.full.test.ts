/**
 * Indexes, zstd and digests with a real dockerd at the other end; single images: push-peer.full.test.ts,
 * archives: archive-peers.full.test.ts. `TDOCKER_PEER` names a directory with its programs.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type DockerDaemon, startDockerd } from '../lib/dockerd.ts'
import {
  type Compression,
  type Format,
  busyboxTar,
  makeImage,
  makeIndex,
  makeLayer,
  tarOf,
} from '../lib/image-maker.ts'
import { type TestRegistry, forwardInto, startRegistry } from '../lib/registry.ts'
import { TestDaemon } from '../lib/test-daemon.ts'

const run = promisify(execFile)
const PLATFORMS = ['amd64', 'arm64', 's390x']

class Rig implements AsyncDisposable {
  readonly registry: TestRegistry
  readonly #daemon: TestDaemon
  readonly #peer: DockerDaemon
  readonly #undo: AsyncDisposableStack

  private constructor(
    registry: TestRegistry,
    daemon: TestDaemon,
    peer: DockerDaemon,
    undo: AsyncDisposableStack,
  ) {
    this.registry = registry
    this.#daemon = daemon
    this.#peer = peer
    this.#undo = undo
  }

  static async start(storage: 'overlay2' | 'its own'): Promise<Rig> {
    await using undo = new AsyncDisposableStack()
    const dir = mkdtempSync('/dev/shm/tdpeer-')
    undo.defer(() => rmSync(dir, { recursive: true, force: true }))
    const id = `tdi${randomBytes(3).toString('hex')}`
    const registry = undo.use(await startRegistry())
    const daemon = undo.use(await TestDaemon.start({ busybox: false }))
    const peer = undo.use(await startDockerd(id, `${dir}/d`, storage))
    undo.use(await forwardInto({ netns: id, host: registry.host, dir }))
    return new Rig(registry, daemon, peer, undo.move())
  }

  get host(): string {
    return this.registry.host
  }

  async docker(...args: string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: `unix://${this.#peer.socket}` }
    return (await run('docker', args, { env })).stdout.trim()
  }

  async tdocker(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.#daemon.tdocker(...args)
    assert.equal(status, 0, `tdocker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  async major(): Promise<number> {
    return Number((await this.docker('version', '-f', '{{.Server.Version}}')).split('.')[0])
  }

  /** A runnable image in the registry, `/which` tells it from others. */
  async image(
    name: string,
    which: string,
    o: { format: Format; compression?: Compression; architecture?: string },
  ): Promise<ReturnType<typeof makeImage>> {
    const tars = [await busyboxTar(), await tarOf([{ name: 'which', content: which }])]
    const platform = { os: 'linux', architecture: o.architecture ?? 'amd64' }
    const made = makeImage({ ...o, platform, layers: tars.map((tar) => makeLayer(tar, o)) })
    await this.registry.push(name, made)
    return made
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync()
  }
}

const INSPECT = ['inspect', '-f', '{{.Architecture}} {{json .RepoDigests}}']

/** Each platform is pulled, the digest of the index told, and the image known by it. */
async function pullEach(
  rig: Rig,
  cli: 'docker' | 'tdocker',
  reference: string,
  digest: string,
): Promise<void> {
  const repository = reference.replace(/:[^:/]+$/, '')
  for (const architecture of PLATFORMS) {
    const told = await rig[cli]('pull', '--platform', `linux/${architecture}`, reference)
    assert.match(told, new RegExp(`Digest: ${digest}`), cli)
    const seen = await rig[cli](...INSPECT, reference)
    assert.ok(seen.includes(`${repository}@${digest}`), `${cli}: ${seen}`)
    assert.ok(seen.startsWith(architecture), `${cli}: ${seen}`)
    // With dockerd's graph drivers a digest stays with the first image that had it.
    if (cli === 'docker') await rig.docker('rmi', '-f', reference)
  }
}

test('an index that tdocker made and one that was pulled and pushed on', async () => {
  await using rig = await Rig.start('overlay2')
  const singles: string[] = []
  for (const architecture of PLATFORMS) {
    await rig.image(`src/${architecture}:1`, architecture, { format: 'docker', architecture })
    const single = `${rig.host}/multi:${architecture}`
    await rig.tdocker('pull', '-q', `${rig.host}/src/${architecture}:1`)
    await rig.tdocker('tag', `${rig.host}/src/${architecture}:1`, single)
    await rig.tdocker('push', '-q', single)
    singles.push(single)
  }
  const list = `${rig.host}/multi:1`
  await rig.tdocker('manifest', 'create', '--insecure', list, ...singles)
  const told = await rig.tdocker('manifest', 'push', '--insecure', list)
  const digest = told.split('\n').at(-1) ?? ''
  await pullEach(rig, 'docker', list, digest)
  await pullEach(rig, 'tdocker', list, digest)
  await rig.docker('pull', '-q', '--platform', 'linux/amd64', list)
  const which = ['run', '--rm', '--network=none', list, 'cat', '/which']
  assert.equal(await rig.docker(...which), 'amd64')
})

test('zstd layers that tdocker pushed on', async (t) => {
  await using rig = await Rig.start('overlay2')
  if ((await rig.major()) < 23) return t.skip('dockerd below 23 reads no zstd')
  const made = await rig.image('src/zstd:1', 'zstd', { format: 'oci', compression: 'zstd' })
  await passOn(rig, made.manifest.digest)
})

/** Pulled and pushed by tdocker, pulled and run by dockerd. */
async function passOn(rig: Rig, digest: string): Promise<void> {
  const [from, to] = [`${rig.host}/src/zstd:1`, `${rig.host}/ours/zstd:1`]
  await rig.tdocker('pull', '-q', from)
  await rig.tdocker('tag', from, to)
  assert.match(await rig.tdocker('push', to), new RegExp(`1: digest: ${digest} size`))
  assert.match(await rig.docker('pull', to), new RegExp(`Digest: ${digest}`))
  assert.equal(await rig.docker('run', '--rm', '--network=none', to, 'cat', '/which'), 'zstd')
}

test('what dockerd 29 keeps in containerd: an index and zstd keep their digests', async (t) => {
  await using rig = await Rig.start('its own')
  if ((await rig.major()) < 29) return t.skip('no such store')
  await indexOfContainerd(rig, t)
  const made = await rig.image('src/zstd:1', 'zstd', { format: 'oci', compression: 'zstd' })
  await passOn(rig, made.manifest.digest)
})

async function indexOfContainerd(rig: Rig, t: TestContext): Promise<void> {
  const entries = []
  for (const architecture of PLATFORMS) {
    const o = { format: 'oci', architecture } as const
    const image = await rig.image(`parts/${architecture}:1`, architecture, o)
    entries.push({ image, platform: { os: 'linux', architecture } })
  }
  const made = makeIndex(entries)
  const [from, to] = [`${rig.host}/${await rig.registry.push('index:1', made)}`, `${rig.host}/on:1`]
  for (const architecture of PLATFORMS) {
    await rig.docker('pull', '-q', '--platform', `linux/${architecture}`, from)
  }
  await rig.docker('tag', from, to)
  t.diagnostic(await rig.docker('push', '-q', to))
  await pullEach(rig, 'tdocker', to, made.index.digest)
}
