/** kill -9 of the daemon in the middle of a pull: the next one goes on from there. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type LayerBlob, makeImage, makeLayer, tarOf } from '../../lib/image-maker.ts'
import { imagesRig } from '../../lib/images-rig.ts'
import { type Fault, FaultRegistry, stall, startOf } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

const MB = 1024 * 1024
const SIZE = 32 * MB
/** Bytes that may be on their way when the daemon dies: a piece in memory, and what sockets hold. */
const ON_THE_WAY = 2 * MB

/** Bytes of the partial download on disk. */
function partial(daemon: TestDaemon, digest: string): number {
  const path = join(daemon.dataRoot, 'content/partial', digest.slice('sha256:'.length))
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

const partials = (daemon: TestDaemon): string[] =>
  readdirSync(join(daemon.dataRoot, 'content/partial'))

test('a pull killed at 25, 50 and 75 % continues there each time', async () => {
  await using registry = await FaultRegistry.start()
  await using daemon = await TestDaemon.start({ busybox: false })
  const layer = makeLayer(await tarOf([{ name: 'noise', content: randomBytes(SIZE) }]), {
    compression: 'none',
  })
  registry.add('app:1', makeImage({ layers: [layer] }))
  const path = `/images/create?fromImage=${encodeURIComponent(`${registry.host}/app`)}&tag=1`
  const starts: number[] = []
  const note: Fault = (request, _response, url) => {
    if (request.method === 'GET' && url.pathname.endsWith(layer.digest)) {
      starts.push(startOf(request))
    }
    return false
  }
  for (const share of [0.25, 0.5, 0.75]) {
    const at = Math.round(layer.size * share)
    registry.faults.splice(0, Infinity, note, stall(layer, at))
    const pulling = daemon.api.request('POST', path).catch(() => undefined)
    await until(
      `${share} to be there`,
      () => partial(daemon, layer.digest) >= at - ON_THE_WAY / 2,
      60_000,
    )
    await daemon.crash()
    await pulling
    const kept = partial(daemon, layer.digest)
    assert.ok(kept >= at - ON_THE_WAY, `${kept} of ${at}`)
    await daemon.boot()
    assert.equal(partial(daemon, layer.digest), kept)
    registry.faults.splice(0, Infinity, note)
    if (share < 0.75) continue
    const { status, text } = await daemon.api.request('POST', path)
    assert.equal(status, 200)
    assert.match(text, /Status: Downloaded newer image/)
    // The first progress is what was there, not nothing.
    const current = /"current":(\d+)/.exec(text)?.[1]
    assert.ok(Number(current) > 0)
  }
  // Four pulls: from the start, and from about 25, 50 and 75 %, as Range headers said.
  assert.equal(starts.length, 4, String(starts))
  for (const [index, start] of starts.entries()) {
    const killedAt = Math.round(layer.size * 0.25 * index)
    assert.ok(start <= killedAt && start >= killedAt - ON_THE_WAY, `${start} for ${killedAt}`)
  }
  await until('partial downloads to be gone', () => partials(daemon).length === 0)
  const tagged = await daemon.api.get<{ Id: string }>(`/images/${registry.host}/app:1/json`)
  assert.equal(tagged.status, 200)
})

test('killed with one layer whole and one half: neither begins anew', async () => {
  await using registry = await FaultRegistry.start()
  await using daemon = await TestDaemon.start({ busybox: false })
  const first = makeLayer(await tarOf([{ name: 'one', content: randomBytes(8 * MB) }]), {
    compression: 'none',
  })
  const second = makeLayer(await tarOf([{ name: 'two', content: randomBytes(8 * MB) }]), {
    compression: 'none',
  })
  registry.add('app:1', makeImage({ layers: [first, second] }))
  const path = `/images/create?fromImage=${encodeURIComponent(`${registry.host}/app`)}&tag=1`
  // The second layer holds the image up; the first is whole.
  registry.faults.push(stall(second, 4 * MB))
  let told = ''
  const answer = await daemon.api.stream('POST', path)
  answer.on('data', (part: Buffer) => (told += part.toString())).on('error', () => {})
  await until(
    'the second layer to stand still',
    () => partial(daemon, second.digest) >= 3 * MB,
    60_000,
  )
  await until('the first layer to be whole', () => told.includes('Pull complete'), 60_000)
  await daemon.crash()
  registry.faults.length = 0
  registry.seen.length = 0
  await daemon.boot()
  // What the crash left is tidied up in the background; the layer is whole or its bytes are kept.
  await delay(1500)
  const { text } = await daemon.api.request('POST', path)
  assert.match(text, /Status: Downloaded newer image/)
  const asked = registry.seen.filter((seen) => seen.path.endsWith(second.digest))
  assert.match(asked[0]?.range ?? '', /^bytes=[1-9]\d+-$/)
  assert.deepEqual(
    registry.paths('GET').filter((asked_) => asked_.endsWith(first.digest)),
    [],
  )
})

test('a cancelled pull keeps its whole layers’ bytes, too', async () => {
  await using registry = await FaultRegistry.start()
  await using rig = await imagesRig()
  const layers = await Promise.all(
    ['one', 'two'].map(async (name) =>
      makeLayer(await tarOf([{ name, content: randomBytes(6 * MB) }]), { compression: 'none' }),
    ),
  )
  const [first, second] = layers as [LayerBlob, LayerBlob]
  registry.add('app:1', makeImage({ layers }))
  registry.faults.push(stall(second, 5 * MB))
  const abort = new AbortController()
  const told: string[] = []
  const progress = ({ status, id }: { status?: string; id?: string }): void =>
    void told.push(`${id} ${status}`)
  const pulling = rig.pull(`${registry.host}/app:1`, { signal: abort.signal, progress })
  const file = join(rig.dataRoot, 'content/partial', second.digest.slice(7))
  const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  await until('the second layer to stand still', () => size() >= 4.5 * MB)
  await until('the first layer', () => told.some((line) => line.endsWith('Pull complete')))
  abort.abort()
  await assert.rejects(pulling, { kind: 'cancelled' })
  const names = [first, second].map(({ digest }) => digest.slice(7)).toSorted()
  assert.deepEqual((await rig.files()).partials, names)
  assert.deepEqual((await rig.files()).layers, ['empty'])
  await rig.restart()
  registry.faults.length = 0
  registry.seen.length = 0
  await rig.pull(`${registry.host}/app:1`)
  assert.equal(registry.seen.filter((seen) => seen.path.endsWith(first.digest)).length, 0)
  assert.deepEqual((await rig.files()).partials, [])
  assert.deepEqual(rig.problems, [])
})
