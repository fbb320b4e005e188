import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

let config: string
beforeEach(() => (config = mkdtempSync(join(tmpdir(), 'tdocker-contexts-'))))
afterEach(() => rmSync(config, { recursive: true }))

async function context(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await runCli(['context', ...args], { config })
  return `${stdout}${stderr}${code === 0 ? '' : `= ${code}`}`
}

test('create, use, show, ls, inspect, rm', async () => {
  assert.equal(await context('show'), 'default\n')
  assert.equal(
    await context('create', 'far', '--description', 'd', '--docker', 'host=tcp://h:1'),
    'far\nSuccessfully created context "far"\n',
  )
  assert.equal(await context('use', 'far'), 'far\nCurrent context is now "far"\n')
  assert.equal(await context('show'), 'far\n')
  assert.equal(await context('ls', '-q'), 'default\nfar\n')
  assert.match(
    await context('ls'),
    /^NAME +DESCRIPTION +DOCKER ENDPOINT +ERROR\n.*\nfar \* +d +tcp:\/\/h:1 +\n$/,
  )
  assert.equal(await context('inspect', '-f', '{{.Endpoints.docker.Host}}'), 'tcp://h:1\n')
  assert.equal(
    await context('create', 'copy', '--from', 'far'),
    'copy\nSuccessfully created context "copy"\n',
  )
  assert.equal(
    await context('rm', 'far', 'copy'),
    'copy\ncontext "far" is in use, set -f flag to force remove\n= 1',
  )
  assert.equal(await context('rm', '-f', 'far'), 'far\n')
  assert.equal(
    JSON.parse(readFileSync(join(config, 'config.json'), 'utf8')).currentContext,
    undefined,
  )
})

test('refusals', async () => {
  assert.equal(
    await context('create', 'default', '--docker', 'host=x'),
    '"default" is a reserved context name\n= 1',
  )
  assert.match(
    await context('create', 'a b', '--docker', 'host=tcp://x'),
    /names are validated against regexp/,
  )
  assert.match(
    await context('use', 'nope'),
    /^context "nope": context not found: open .*meta\.json: no such file/,
  )
  assert.equal(await context('rm', 'default'), 'context "default" cannot be removed\n= 1')
  assert.match(
    await context('create', 'xx', '--docker', 'foo=bar'),
    /unrecognized config key: "foo"/,
  )
})

test('commands go where the context in use, or the one named, leads', async () => {
  await using daemon = await FakeDaemon.start(() => ({ body: [] }))
  await context('create', 'near', '--docker', `host=${daemon.host}`)
  const named = await runCli(['--context', 'near', 'ps', '-q'], { config })
  assert.deepEqual([named.stdout, named.stderr, named.code], ['', '', 0])
  writeFileSync(join(config, 'config.json'), '{"currentContext":"near"}')
  assert.equal((await runCli(['ps', '-q'], { config })).code, 0)
  // -H and DOCKER_HOST count more.
  assert.match((await runCli(['-H', 'unix:///nope', 'ps'], { config })).stderr, /unix:\/\/\/nope/)
  assert.match((await runCli(['ps'], { config, host: 'unix:///nope' })).stderr, /unix:\/\/\/nope/)
  const lost = await runCli(['--context', 'lost', 'ps'], { config })
  assert.match(
    lost.stderr,
    /^Failed to initialize: unable to resolve docker endpoint: context "lost"/,
  )
  const both = await runCli(['-H', 'unix:///x', '--context', 'near', 'ps'], { config })
  assert.equal(both.stderr, 'conflicting options: cannot specify both --host and --context\n')
})
