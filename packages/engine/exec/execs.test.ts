import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'
import {
  failureOf,
  fakeHijack,
  makeWorld,
  settled,
  type World,
} from '../container/testing/fakes.ts'

async function running(): Promise<World & { id: string }> {
  const world = makeWorld()
  const id = await world.create({ User: 'user', WorkingDir: '/srv' }, 'web')
  await world.containers.backend.start(id, {})
  return Object.assign(world, { id })
}

test('a detached exec runs, ends and keeps its code', async () => {
  await using world = await running()
  const { execs, backend } = world.containers
  const { Id } = await execs.create('web', { Cmd: ['ls', '-l'], AttachStdout: true })
  assert.equal((await execs.inspect(Id)).ExitCode, null)
  await execs.start(Id, { Detach: true }, undefined)
  const shim = world.shims.last
  assert.deepEqual(shim.plan!.process.argv, ['ls', '-l'])
  assert.deepEqual([shim.plan!.process.uid, shim.plan!.process.cwd], [1000, '/srv'])
  const alive = await execs.inspect(Id)
  assert.deepEqual([alive.Running, alive.Pid, alive.ExitCode], [true, shim.pid, null])
  const inspect = await backend.inspect('web', { size: false })
  assert.deepEqual(inspect.ExecIDs, [Id])
  shim.end(7)
  await settled()
  const ended = await execs.inspect(Id)
  assert.deepEqual([ended.Running, ended.Pid, ended.ExitCode], [false, shim.pid, 7])
  assert.deepEqual(world.events.actions.slice(2), [
    'exec_create: ls -l',
    'exec_start: ls -l',
    'exec_die',
  ])
  assert.equal(world.events.events.at(-1)!.attributes['exitCode'], '7')
  assert.equal(
    await failureOf(execs.start(Id, { Detach: true }, undefined)),
    `conflict: exec command ${Id} has already run`,
  )
  assert.equal(ended.CanRemove, false)
  await world.clock.pass(5 * 60_000)
  assert.equal((await execs.inspect(Id)).CanRemove, true)
  await world.clock.pass(5 * 60_000)
  assert.equal(await failureOf(execs.inspect(Id)), `notFound: No such exec instance: ${Id}`)
})

test('an attached exec gives its client to the shim', async () => {
  await using world = await running()
  const { execs } = world.containers
  const before = world.kernel.open.size
  const { Id } = await execs.create('web', {
    Cmd: ['sh'],
    Tty: true,
    AttachStdin: true,
    AttachStdout: true,
    ConsoleSize: [10, 20],
  })
  const hijack = fakeHijack(world.kernel)
  await execs.start(Id, { Tty: true, ConsoleSize: [30, 40] }, hijack)
  const { plan } = world.shims.last
  assert.deepEqual(plan!.stdio, {
    tty: true,
    stdin: 'open',
    stdinOnce: true,
    consoleSize: [30, 40],
  })
  assert.deepEqual(
    plan!.clients.map(({ stdin, stdout, stderr }) => [stdin, stdout, stderr]),
    [[true, true, false]],
  )
  assert.equal(world.kernel.open.size, before)
  await execs.resize(Id, { rows: 5, columns: 6 })
  assert.deepEqual(world.shims.last.size, [5, 6])
  assert.equal(
    await failureOf(execs.start(Id, { Detach: true }, undefined)),
    `conflict: exec command ${Id} is already running`,
  )
})

test('what cannot be started says why, and has an exit code', async () => {
  await using world = await running()
  const { execs } = world.containers
  for (const [errno, code] of [
    [2, 127],
    [13, 126],
  ] as const) {
    const { Id } = await execs.create('web', { Cmd: ['x'] })
    world.shims.failure = new LaunchError('exec', errno)
    assert.match(
      await failureOf(execs.start(Id, { Detach: true }, undefined)),
      /^invalidParameter: OCI runtime exec failed: exec failed: unable to start container process: exec: "x": /,
    )
    assert.equal((await execs.inspect(Id)).ExitCode, code)
    assert.equal(
      await failureOf(execs.resize(Id, { rows: 1, columns: 1 })),
      'invalidParameter: exec process is not started',
    )
  }
})

test('refusals', async () => {
  await using world = await running()
  const { execs, backend } = world.containers
  const create = (reference: string, body: object): Promise<string> =>
    failureOf(execs.create(reference, body))
  assert.equal(await create('web', {}), 'invalidParameter: No exec command specified')
  assert.equal(await create('no', { Cmd: ['x'] }), 'notFound: No such container: no')
  assert.equal(
    await create('web', { Cmd: ['x'], User: 'none' }),
    'invalidParameter: unable to find user none: no matching entries in passwd file',
  )
  assert.equal(
    await create('web', { Cmd: ['x'], DetachKeys: 'ctrl-?' }),
    'system: Invalid escape keys (ctrl-?) provided',
  )
  const { Id } = await execs.create('web', { Cmd: ['x'] })
  world.kernel.onSignal = () => world.shims.last.end(137)
  await backend.kill('web', { signal: '' })
  await settled()
  const notRunning = `conflict: container ${world.id} is not running`
  assert.equal(await create('web', { Cmd: ['x'] }), notRunning)
  assert.equal(await failureOf(execs.start(Id, { Detach: true }, undefined)), notRunning)
  await backend.remove('web', { force: true, volumes: false, link: false })
  assert.equal(await failureOf(execs.inspect(Id)), `notFound: No such exec instance: ${Id}`)
})
