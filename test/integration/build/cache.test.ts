/** The build cache: what is run anew, and where steps are taken from. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { built, cachedSteps } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const STAGES = [
  'FROM busybox AS base',
  'RUN cat /proc/sys/kernel/random/uuid > /base',
  'FROM base AS Tools',
  'RUN cat /proc/sys/kernel/random/uuid > /tool && echo fixed > /same',
  'FROM busybox',
  'COPY --from=tools /tool /tool',
  'COPY --from=tools /same /same',
  'RUN echo last',
].join('\n')

test('--no-cache-filter runs the steps of the stages it names, and what is behind them', async () => {
  const files = { Dockerfile: STAGES }
  await built(daemon, files)
  assert.equal(cachedSteps(await built(daemon, files)), 5)
  const other = await built(daemon, files, { nocachefilter: '["other"]' })
  assert.equal(cachedSteps(other), 5)
  const tools = await built(daemon, files, { nocachefilter: '["TOOLS"]' })
  // Of the base; the copies are of other content, and on another image.
  assert.equal(cachedSteps(tools), 1, tools.text)
  const base = await built(daemon, files, { nocachefilter: '["base"]' })
  assert.equal(cachedSteps(base), 0, base.text)
})

test('a stage that runs anew and makes the same files leaves those who copy them cached', async () => {
  const files = {
    Dockerfile:
      'FROM busybox AS made\nRUN echo same > /same\nFROM busybox\nCOPY --from=made /same /same\n',
  }
  await built(daemon, files)
  const again = await built(daemon, files, { nocachefilter: '["made"]' })
  assert.equal(cachedSteps(again), 1, again.text)
})

test('tdocker build --no-cache-filter', async () => {
  const directory = join(daemon.directory, 'filtered')
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), STAGES)
  await daemon.tdocker('build', directory)
  const cached = await daemon.tdocker('build', directory)
  const made = await daemon.tdocker('build', '--no-cache-filter', 'tools,unknown', directory)
  assert.equal(made.status, 0, made.stderr)
  assert.equal(cached.stdout.split('Using cache').length - 1, 5)
  assert.equal(made.stdout.split('Using cache').length - 1, 1)
})
