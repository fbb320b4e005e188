/** What tdocker pushes, dockerd pulls and runs with the same ids and digests, and the reverse. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startDockerd } from '../lib/dockerd.ts'
import { busyboxImage, makeImage, makeLayer, tarOf } from '../lib/image-maker.ts'
import { forwardInto, startRegistry } from '../lib/registry.ts'
import { TestDaemon } from '../lib/test-daemon.ts'

const run = promisify(execFile)

test('dockerd pulls and runs what tdocker pushed, and tdocker what dockerd pushed', async () => {
  const dir = mkdtempSync('/dev/shm/tdpeer-')
  const id = `tdp${randomBytes(3).toString('hex')}`
  try {
    await using registry = await startRegistry()
    await using daemon = await TestDaemon.start()
    await using peer = await startDockerd(id, `${dir}/d`)
    await using _way = await forwardInto({ netns: id, host: registry.host, dir })
    // Not to be waited for: the way between the namespaces leads through this process.
    const docker = async (...args: string[]): Promise<string> => {
      const env = { ...process.env, DOCKER_HOST: `unix://${peer.socket}` }
      return (await run('docker', args, { env })).stdout.trim()
    }
    const tdocker = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await daemon.tdocker(...args)
      assert.equal(status, 0, `tdocker ${args.join(' ')}: ${stderr}`)
      return stdout.trim()
    }
    const { host } = registry
    const format = ['inspect', '-f', '{{.Id}} {{json .RootFS.Layers}}']

    // Made here, of no registry: rebuilt, compressed, with a manifest of ours.
    await tdocker('tag', 'busybox', `${host}/made:1`)
    const told = await tdocker('push', `${host}/made:1`)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(told)?.[1]
    assert.match(await docker('pull', `${host}/made:1`), new RegExp(`Digest: ${digest}`))
    assert.equal(
      await docker(...format, `${host}/made:1`),
      await tdocker(...format, `${host}/made:1`),
    )
    assert.equal(
      await docker('run', '--rm', '--network=none', `${host}/made:1`, 'echo', 'hi'),
      'hi',
    )

    // Pulled, OCI, of two layers: as it came.
    const base = await busyboxImage()
    const oci = makeImage({
      format: 'oci',
      layers: [
        makeLayer(await tarOf([{ name: 'a/b', content: 'x' }]), { format: 'oci' }),
        ...base.layers.map((layer) => ({
          ...layer,
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        })),
      ],
    })
    await tdocker('pull', '-q', `${host}/${await registry.push('src:1', oci)}`)
    await tdocker('tag', `${host}/src:1`, `${host}/copy:1`)
    await tdocker('push', '-q', `${host}/copy:1`)
    assert.match(
      await docker('pull', `${host}/copy:1`),
      new RegExp(`Digest: ${oci.manifest.digest}`),
    )
    assert.equal(
      await docker('run', '--rm', '--network=none', `${host}/copy:1`, 'cat', '/a/b'),
      'x',
    )

    // What dockerd compressed; and from here on again, as it was.
    await docker(
      'run',
      '--name',
      'changed',
      '--network=none',
      `${host}/made:1`,
      'sh',
      '-c',
      'seq 99 >/seq',
    )
    await docker('commit', 'changed', `${host}/theirs:1`)
    const theirs = /digest: (sha256:[0-9a-f]{64})/.exec(
      await docker('push', `${host}/theirs:1`),
    )?.[1]
    await tdocker('pull', '-q', `${host}/theirs:1`)
    assert.equal(
      await docker(...format, `${host}/theirs:1`),
      await tdocker(...format, `${host}/theirs:1`),
    )
    await using second = await startRegistry()
    await tdocker('tag', `${host}/theirs:1`, `${second.host}/theirs:2`)
    const again = await tdocker('push', `${second.host}/theirs:2`)
    assert.match(again, new RegExp(`2: digest: ${theirs} size`))
    await docker('rm', 'changed')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
