/** Verbs on images side by side, against a real daemon: each finds the world before another or after it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { FsckReport } from '@tdocker/api'
import { makeImage, makeLayer, type MadeImage, tarOf } from '../../lib/image-maker.ts'
import { busyboxTar } from '../../lib/busybox.ts'
import { FaultRegistry } from '../../lib/registry.ts'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let registry: FaultRegistry
let image: MadeImage
let reference: string

before(async () => {
  daemon = await TestDaemon.start({ busybox: false })
  registry = await FaultRegistry.start()
  const layers = await Promise.all(
    ['one', 'two', 'three'].map(async (name) =>
      makeLayer(await tarOf([{ name, content: name.repeat(20_000) }])),
    ),
  )
  // The first one is what makes it run.
  layers.unshift(makeLayer(await collect(busyboxTar())))
  image = makeImage({ layers, config: { Cmd: ['sleep', '1000'] } })
  registry.add('app:1', image)
  reference = `${registry.host}/app:1`
})
after(async () => {
  await registry?.[Symbol.asyncDispose]()
  await daemon?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  registry.seen.length = 0
  registry.faults.length = 0
})

async function collect(chunks: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (chunks instanceof Uint8Array) return Buffer.from(chunks)
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

async function pull(): Promise<string> {
  return (await daemon.api.post(`/images/create?fromImage=${reference}`)).text
}

async function remove(query = ''): Promise<number> {
  return (await daemon.api.delete(`/images/${reference}${query}`)).status
}

async function fsck(): Promise<FsckReport> {
  return (await daemon.api.post<FsckReport>('/fsck?deep=1')).body
}

/** Nothing is lost and nothing is left over. */
async function inOrder(): Promise<void> {
  await until(
    'the data root to be in order',
    async () => (await fsck()).Findings.length === 0,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify((await fsck()).Findings, undefined, 1)}`)
  })
}

const LONELY = { HostConfig: { NetworkMode: 'none' } }

test('twenty pulls of one image ask for each blob once', async () => {
  // So slow that all are under way.
  registry.faults.push(async (_request, _response, url) => {
    if (url.pathname.includes('/blobs/')) await new Promise((resolve) => setTimeout(resolve, 300))
    return false
  })
  const outputs = await Promise.all(Array.from({ length: 20 }, pull))
  for (const output of outputs) assert.match(output, /"Status: /, output.slice(-300))
  const asked = registry.paths('GET').filter((path) => path.includes('/blobs/'))
  const wanted = [image.config, ...image.layers].map(({ digest }) => `/v2/app/blobs/${digest}`)
  assert.deepEqual(asked.toSorted(), wanted.toSorted())
  await inOrder()
  assert.equal(await remove(), 200)
  await inOrder()
})

test('the image of a running container: refused, then hidden by force, then gone with it', async () => {
  await pull()
  const id = await daemon.run({ Image: reference, ...LONELY })
  const refused = await daemon.api.delete<{ message: string }>(
    `/images/${image.config.digest}?force=1`,
  )
  assert.equal(refused.status, 409)
  assert.match(
    refused.body.message,
    /cannot be forced\) - image is being used by running container/,
  )
  assert.equal(await remove(), 409)
  // Forced by name it loses the name only.
  assert.equal(await remove('?force=1'), 200)
  const exec = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, { Cmd: ['true'] })
  assert.equal(exec.status, 201)
  await daemon.api.post(`/containers/${id}/kill`)
  await daemon.wait(id)
  assert.equal((await daemon.api.delete(`/images/${image.config.digest}?force=1`)).status, 200)
  assert.equal((await daemon.api.get(`/images/${image.config.digest}/json`)).status, 404)
  // Its layers are still the container's.
  assert.equal((await daemon.api.post(`/containers/${id}/start`)).status, 204)
  await inOrder()
  await daemon.api.delete(`/containers/${id}?force=1`)
  await until('the layers to go', async () => {
    const report = await fsck()
    return report.Findings.length === 0 && blobs(report) === 0
  })
})

function blobs(report: FsckReport): number {
  return report.Owners.find(({ Owner }) => Owner === 'blobs')?.Bytes ?? 0
}

test('pull against rmi: both always come to an end that holds', async () => {
  const end = Date.now() + 4000
  let pulled = 0
  const puller = async (): Promise<void> => {
    while (Date.now() < end) {
      const output = await pull()
      assert.match(output, /"Status: (?:Downloaded newer image|Image is up to date)/, output)
      pulled++
    }
  }
  const remover = async (): Promise<void> => {
    while (Date.now() < end) {
      const status = await remove(Math.random() < 0.5 ? '?force=1' : '')
      assert.ok([200, 404].includes(status), String(status))
    }
  }
  await Promise.all([puller(), puller(), puller(), remover(), remover()])
  assert.ok(pulled > 5, String(pulled))
  await inOrder()
  await pull()
  await inOrder()
  const id = await daemon.run({ Image: reference, ...LONELY })
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('create against rmi and prune: a container that is made can be started', async () => {
  const end = Date.now() + 5000
  let made = 0
  let refused = 0
  const creator = async (): Promise<void> => {
    while (Date.now() < end) {
      const created = await daemon.api.post<{ Id: string; message: string }>('/containers/create', {
        Image: reference,
        Cmd: ['true'],
        ...LONELY,
      })
      if (created.status === 404) {
        refused++
        assert.match(created.body.message, /^No such image: /)
        await pull()
        continue
      }
      assert.equal(created.status, 201, created.text)
      made++
      const started = await daemon.api.post(`/containers/${created.body.Id}/start`)
      assert.equal(started.status, 204, started.text)
      await daemon.api.delete(`/containers/${created.body.Id}?force=1`)
    }
  }
  const remover = async (): Promise<void> => {
    while (Date.now() < end) {
      const status = await remove()
      assert.ok([200, 404, 409].includes(status), String(status))
    }
  }
  const pruner = async (): Promise<void> => {
    const all = encodeURIComponent('{"dangling":["false"]}')
    while (Date.now() < end) {
      const { status, text } = await daemon.api.post(`/images/prune?filters=${all}`)
      assert.equal(status, 200, text)
    }
  }
  await Promise.all([creator(), creator(), remover(), pruner()])
  assert.ok(made > 3 && refused > 0, `${made} made, ${refused} refused`)
  await inOrder()
})

test('prune during pull: what is being brought is not pruned', async () => {
  const end = Date.now() + 4000
  const all = encodeURIComponent('{"dangling":["false"]}')
  const pruner = async (): Promise<void> => {
    while (Date.now() < end) {
      assert.equal((await daemon.api.post(`/images/prune?filters=${all}`)).status, 200)
      assert.equal((await daemon.api.post('/content/prune')).status, 200)
    }
  }
  const repairer = async (): Promise<void> => {
    while (Date.now() < end) {
      const { status, body } = await daemon.api.post<FsckReport>('/fsck?repair=1')
      assert.equal(status, 200)
      // Beside verbs at work there is nothing that a repair would have to do.
      assert.deepEqual(body.Findings, [])
    }
  }
  const puller = async (): Promise<void> => {
    while (Date.now() < end) assert.match(await pull(), /"Status: /)
  }
  await Promise.all([puller(), puller(), pruner(), repairer()])
  await inOrder()
})
