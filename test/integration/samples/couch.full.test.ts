/** A database in the manner of the official images: a package, a volume, an entrypoint. */
import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { TestDaemon } from '../../lib/test-daemon.ts'
import {
  DEBIAN_MIRROR,
  buildSample,
  makeDebian,
  pageOf,
  sampleDaemon,
  sampleOf,
  unreachable,
} from './samples-rig.ts'

const skip = unreachable("Debian's mirror", `${DEBIAN_MIRROR}/dists/bookworm/InRelease`)
suite('a database of a Debian package', { skip }, () => {
  let daemon: TestDaemon
  let directory: string
  before(async () => {
    daemon = await sampleDaemon({ large: true })
    await makeDebian(daemon)
    directory = sampleOf(daemon, 'couch')
  })
  after(() => daemon?.[Symbol.asyncDispose]())

  test('builds; serves from its volume, which a new container takes over', async () => {
    const { ran } = await buildSample(daemon, directory, '-t', 'couch')
    assert.equal(ran.length, 5)
    const welcome = '{"couch":"Welcome"}\n'
    const named = ['-v', 'couch-data:/opt/couch/data']
    assert.equal(await pageOf(daemon, 'couch', { port: 5984 }), welcome)
    assert.equal(await pageOf(daemon, 'couch', { port: 5984, args: named }), welcome)
    const written = await daemon.tdocker(
      ...['run', '--rm', ...named, 'couch', 'sh', '-c'],
      'echo kept > $COUCH_DATA/doc.json; stat -c %U:%G $COUCH_DATA',
    )
    assert.equal(written.stdout, 'couch:couch\n', written.stderr)
    const page = await pageOf(daemon, 'couch', { port: 5984, path: '/doc.json', args: named })
    assert.equal(page, 'kept\n')
  })

  test('a second build is cached; a changed script installs nothing again', async () => {
    const again = await buildSample(daemon, directory, '-t', 'couch')
    assert.deepEqual(again.ran, [])
    appendFileSync(join(directory, 'docker-entrypoint.sh'), '# changed\n')
    const changed = await buildSample(daemon, directory, '-t', 'couch')
    assert.deepEqual(
      changed.ran.map((step) => step.split(' ', 2).join(' ')),
      ['COPY --chmod=0755', 'RUN mkdir'],
    )
    assert.equal(changed.cached.length, 3)
  })
})
