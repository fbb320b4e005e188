/** A service in Go: two stages, modules and compiled packages in cache mounts, a binary from scratch. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type TestDaemon, hasProgram } from '../../lib/test-daemon.ts'
import {
  DEBIAN_MIRROR,
  buildSample,
  goProxy,
  makeDebian,
  makeGolang,
  pageOf,
  sampleDaemon,
  sampleOf,
  unreachable,
} from './samples-rig.ts'

const skip =
  unreachable("Debian's mirror", `${DEBIAN_MIRROR}/dists/bookworm/InRelease`) ||
  unreachable("Go's module proxy", `${goProxy()}/github.com/google/uuid/@v/v1.6.0.info`)
suite('a service in Go', { skip }, () => {
  let daemon: TestDaemon
  let directory: string
  before(async () => {
    daemon = await sampleDaemon({ large: true })
    await makeDebian(daemon)
    await makeGolang(daemon)
    directory = sampleOf(daemon, 'go')
  })
  after(() => daemon?.[Symbol.asyncDispose]())

  test('builds, runs from scratch, and answers', async () => {
    const { ran } = await buildSample(daemon, directory, '-t', 'service')
    assert.deepEqual(
      ran.map((step) => step.split(' ', 1)[0]),
      ['WORKDIR', 'COPY', 'RUN', 'COPY', 'RUN', 'COPY'],
    )
    const page = await pageOf(daemon, 'service', { port: 8080 })
    assert.match(page, /^example\.com is [0-9a-f-]{36}\n$/)
    const { body } = await daemon.api.get<{ RootFS: { Layers: string[] }; Size: number }>(
      '/images/service/json',
    )
    assert.equal(body.RootFS.Layers.length, 1)
    assert.ok(body.Size < 20_000_000, `${body.Size} bytes`)
  })

  test('a second build is cached; a changed file downloads nothing again', async () => {
    const again = await buildSample(daemon, directory, '-t', 'service')
    assert.deepEqual(again.ran, [])
    writeFileSync(join(directory, 'greeting.go'), 'package main\n\nconst greeting = "changed"\n')
    const changed = await buildSample(daemon, directory, '-t', 'service')
    assert.deepEqual(
      changed.ran.map((step) => step.split(' ', 1)[0]),
      ['COPY', 'RUN', 'COPY'],
    )
    assert.match(await pageOf(daemon, 'service', { port: 8080 }), /^changed is /)
  })

  test('caches last beyond the steps: without the step cache, modules are still there', async () => {
    const anew = await buildSample(daemon, directory, '--no-cache', '-t', 'service')
    assert.equal(anew.cached.length, 0)
    assert.doesNotMatch(anew.log, /downloading/)
  })

  const noDocker = hasProgram('docker') ? false : 'no docker'
  test(
    'the stock client builds it without BuildKit, from the same cache',
    { skip: noDocker },
    async () => {
      const made = await daemon.command('env', ['DOCKER_BUILDKIT=0', 'docker', 'build', directory])
      assert.equal(made.status, 0, made.stderr)
      assert.equal(made.stdout.match(/ ---> Using cache/g)?.length, 9)
    },
  )
})
