/** Contexts that stay in memory until a step reads files tell the same as those that are unpacked at once. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Entry, tarOf } from '../../lib/image-maker.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const LARGE: Entry = { name: 'large', type: 'file', content: 'x'.repeat(1200 * 1024) }

const file = (name: string, content: string): Entry => ({ name, type: 'file', content })

for (const [what, more] of [
  ['small', []],
  ['large', [LARGE]],
] as const) {
  const sent = async (...entries: Entry[]): Promise<Awaited<ReturnType<typeof build>>> =>
    build(daemon, await tarOf([...entries, ...more]))

  test(`${what}: names with ./, and files that a later step reads`, async () => {
    const made = await sent(
      file('./Dockerfile', 'FROM busybox\nRUN true\nCOPY a /a\n'),
      file('./a', what),
    )
    assert.equal(made.error, '')
    assert.equal(await outputOf(daemon, made.id, 'cat /a'), what)
  })

  test(`${what}: the Dockerfile is a link`, async () => {
    const made = await sent(file('build/first', 'FROM busybox\nLABEL is=linked\n'), {
      name: 'Dockerfile',
      type: 'symlink',
      linkname: 'build/first',
    })
    assert.equal(made.error, '')
    assert.match(made.text, /LABEL is=linked/)
  })

  test(`${what}: of two entries the last one counts`, async () => {
    const made = await sent(
      file('Dockerfile', 'FROM busybox\nLABEL is=first\n'),
      file('Dockerfile', 'FROM busybox\nLABEL is=last\n'),
    )
    assert.match(made.text, /LABEL is=last/)
    assert.doesNotMatch(made.text, /LABEL is=first/)
  })

  test(`${what}: without a Dockerfile, with an empty one, and one that leads out`, async () => {
    assert.match(
      (await sent(file('a', 'b'))).error,
      /Cannot locate specified Dockerfile: Dockerfile/,
    )
    assert.match((await sent(file('Dockerfile', ''))).error, /Dockerfile\) cannot be empty/)
    const outside = await sent({ name: 'Dockerfile', type: 'symlink', linkname: '/etc/passwd' })
    assert.match(outside.error, /Cannot locate specified Dockerfile/)
    assert.doesNotMatch(outside.text, /root:/)
  })

  test(`${what}: an entry that leads out is refused, whatever the build needs of it`, async () => {
    const made = await sent(file('Dockerfile', 'FROM busybox\n'), file('../../canary', 'out'))
    assert.match(made.error, /invalid entry name/)
  })
}
