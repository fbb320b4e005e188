/** An engine that is not part of a swarm and has no plugins, as clients know one. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start({ busybox: false })
})
after(() => daemon[Symbol.asyncDispose]())

const NOT_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

const ANSWERS: ReadonlyArray<[method: string, path: string, status: number, sentence: string]> = [
  ['GET', '/swarm', 503, NOT_MANAGER],
  ['POST', '/swarm/leave', 503, 'This node is not part of a swarm'],
  ['POST', '/swarm/init', 501, 'swarm mode is not supported by tdocker yet'],
  ['POST', '/swarm/join', 501, 'swarm mode is not supported by tdocker yet'],
  [
    'POST',
    '/swarm/update',
    400,
    `invalid swarm version '': strconv.ParseUint: parsing "": invalid syntax`,
  ],
  [
    'POST',
    '/swarm/update?version=1&rotateWorkerToken=x',
    400,
    'invalid value for rotateWorkerToken: x',
  ],
  ['POST', '/swarm/update?version=1', 503, NOT_MANAGER],
  ['GET', '/swarm/unlockkey', 503, NOT_MANAGER],
  ['POST', '/swarm/unlock', 503, NOT_MANAGER],
  ['GET', '/nodes', 503, NOT_MANAGER],
  ['GET', `/nodes?filters=${encodeURIComponent('{"x":["y"]}')}`, 400, "invalid filter 'x'"],
  ['GET', '/nodes/self', 503, NOT_MANAGER],
  ['DELETE', '/nodes/self', 503, NOT_MANAGER],
  ['GET', '/services', 503, NOT_MANAGER],
  ['GET', '/services/x/logs', 400, "must specify at least one of 'stdout' or 'stderr'"],
  ['GET', '/services/x/logs?stdout=1', 503, NOT_MANAGER],
  ['GET', '/tasks', 503, NOT_MANAGER],
  ['GET', '/secrets', 503, NOT_MANAGER],
  ['GET', '/v1.24/secrets', 404, 'page not found'],
  ['POST', '/configs/x/update', 400, 'invalid config version'],
  [
    'PUT',
    '/volumes/x',
    503,
    'volume update only valid for cluster volumes, but swarm is unavailable',
  ],
  ['GET', '/plugins/x/json', 404, 'plugin "x" not found'],
  ['POST', '/plugins/x/enable', 400, 'strconv.Atoi: parsing "": invalid syntax'],
  ['POST', '/plugins/x/enable?timeout=0', 404, 'plugin "x" not found'],
  ['GET', `/plugins?filters=${encodeURIComponent('{"x":["y"]}')}`, 400, "invalid filter 'x'"],
]

test('operations of a swarm and of plugins answer as Docker outside a swarm', async (t) => {
  for (const [method, path, status, sentence] of ANSWERS)
    await t.test(`${method} ${path}`, async () => {
      const answer = await daemon.api.request<{ message: string }>(method, path)
      assert.deepEqual([answer.status, answer.body.message], [status, sentence])
    })
  assert.deepEqual((await daemon.api.get('/plugins')).body, [])
})

test('the stock CLI says so', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const nodes = await daemon.docker('node', 'ls')
  assert.deepEqual(
    [nodes.status, nodes.stderr.trim()],
    [1, `Error response from daemon: ${NOT_MANAGER}`],
  )
  const leave = await daemon.docker('swarm', 'leave')
  assert.equal(leave.stderr.trim(), 'Error response from daemon: This node is not part of a swarm')
  const plugins = await daemon.docker('plugin', 'ls', '-q')
  assert.deepEqual([plugins.status, plugins.stdout], [0, ''])
})
