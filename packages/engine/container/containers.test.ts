import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'
import { failureOf, fakeHijack, makeWorld, settled } from './testing/fakes.ts'

const signal = new AbortController().signal
const inspect = { size: false }

test('create answers an id, makes directories and records the event', async () => {
  await using world = makeWorld()
  const id = await world.create({ Cmd: ['echo', 'hi there'] }, '/web')
  assert.match(id, /^[0-9a-f]{64}$/)
  assert.ok(existsSync(join(world.dir, 'data/containers', id, 'diff')))
  assert.deepEqual(world.events.actions, ['create'])
  assert.deepEqual(world.events.events[0]!.attributes, { image: 'busybox', name: 'web' })
  const [summary] = await world.containers.backend.list({
    all: true,
    limit: 0,
    size: false,
    filters: new Map(),
  })
  assert.equal(summary!.Command, "echo 'hi there'")
  assert.deepEqual(summary!.Names, ['/web'])
})

test('create refuses a taken name, an unknown image and a name of one character', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  assert.equal(
    await failureOf(world.create({}, 'web')),
    `conflict: Conflict. The container name "/web" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
  assert.equal(await failureOf(world.create({ Image: 'x' })), 'notFound: No such image: x:latest')
  assert.equal(
    await failureOf(world.create({}, 'a')),
    'invalidParameter: Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  )
})

test('a create that fails frees the name and gives volumes back', async () => {
  await using world = makeWorld()
  world.events.failure = new Error('disk full')
  await failureOf(world.create({ HostConfig: { Binds: ['data:/data'] } }, 'web'))
  assert.deepEqual(world.volumes.discarded, ['data'])
  world.events.failure = undefined
  await world.create({}, 'web')
})

test('start hands everything to the shim and leaves no descriptor but the pidfd', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  await world.containers.backend.start('web', {})
  assert.deepEqual(world.events.actions, ['create', 'start'])
  assert.equal(world.kernel.open.size, 1)
  const answer = await world.containers.backend.inspect(id.slice(0, 12), inspect)
  assert.equal(answer.State.Status, 'running')
  assert.equal(answer.State.Pid, world.shims.last.pid)
  assert.equal(answer.NetworkSettings.Networks['bridge']!.IPAddress, '172.17.0.2')
  assert.equal(
    await failureOf(world.containers.backend.start(id, {})),
    'notModified: container is already running',
  )
})

test('a start that fails leaves code and error, and nothing open', async () => {
  await using world = makeWorld()
  const id = await world.create({ Cmd: ['nosuch'] })
  world.shims.failure = new LaunchError('exec', 2)
  const message =
    'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH'
  assert.equal(
    await failureOf(world.containers.backend.start(id, {})),
    `invalidParameter: ${message}`,
  )
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.deepEqual([State.Status, State.ExitCode, State.Error], ['created', 127, message])
  assert.equal(world.kernel.open.size, 0)
  assert.equal(world.groups.size, 0)
  assert.equal(world.networks.connected.size, 0)
})

test('a network that fails undoes what its neighbours made', async () => {
  await using world = makeWorld()
  const id = await world.create()
  world.networks.failure = new Error('no address left')
  assert.equal(await failureOf(world.containers.backend.start(id, {})), 'system: no address left')
  assert.equal(world.kernel.open.size, 0)
  assert.equal(world.groups.size, 0)
})

test('a start that cannot be recorded kills what it started', async () => {
  await using world = makeWorld()
  const id = await world.create()
  world.cgroups.kill = () => Promise.resolve(world.shims.last.end(137))
  world.events.failure = new Error('database or disk is full')
  assert.match(await failureOf(world.containers.backend.start(id, {})), /disk is full/)
  assert.ok(world.shims.last.closed)
  assert.equal(world.kernel.open.size, 0)
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.equal(State.Status, 'created')
})

test('the exit is recorded, frees everything and wakes who waits', async () => {
  await using world = makeWorld()
  const id = await world.create()
  const { result } = await world.containers.backend.wait(id, { condition: 'next-exit', signal })
  await world.containers.backend.start(id, {})
  world.cgroups.ooms = 1
  world.shims.last.end(3)
  assert.deepEqual(await result, { StatusCode: 3 })
  await settled()
  assert.deepEqual(world.events.actions, ['create', 'start', 'oom', 'die'])
  assert.deepEqual(world.events.events.at(-1)!.attributes['exitCode'], '3')
  assert.equal(world.kernel.open.size, 0)
  assert.equal(world.groups.size, 0)
  assert.equal(world.networks.connected.size, 0)
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.deepEqual([State.Status, State.ExitCode, State.OOMKilled], ['exited', 3, true])
})

test('a shim that dies first takes its container along', async () => {
  await using world = makeWorld()
  let killed = ''
  world.cgroups.kill = (path) => Promise.resolve(void (killed = path))
  const id = await world.create()
  await world.containers.backend.start(id, {})
  world.shims.last.end(undefined)
  await settled()
  assert.equal(killed, `/tdocker/${id}`)
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.equal(State.ExitCode, 137)
})

test('with --rm the container and its anonymous volumes go, then removed waiters wake', async () => {
  await using world = makeWorld()
  const id = await world.create({
    Volumes: { '/data': {} },
    HostConfig: { AutoRemove: true, Binds: ['kept:/kept'] },
  })
  const { result } = await world.containers.backend.wait(id, { condition: 'removed', signal })
  await world.containers.backend.start(id, {})
  world.shims.last.end(5)
  assert.deepEqual(await result, { StatusCode: 5 })
  assert.deepEqual(world.events.actions, [
    'create',
    ...['mount', 'mount', 'start'],
    ...['unmount', 'unmount', 'die'],
    'destroy',
  ])
  assert.deepEqual(world.volumes.removed, ['anon1'])
  assert.ok(!existsSync(join(world.dir, 'data/containers', id)))
  assert.equal(
    await failureOf(world.containers.backend.inspect(id, inspect)),
    `notFound: No such container: ${id}`,
  )
})

test('stop signals, waits, kills', async () => {
  await using world = makeWorld()
  const id = await world.create({ StopSignal: 'SIGINT' })
  await world.containers.backend.start(id, {})
  const { pid } = world.shims.last
  world.kernel.onSignal = (_pid, number) => {
    if (number === 9) world.shims.last.end(137)
  }
  const stopped = world.containers.backend.stop(id, { timeoutSeconds: 3 })
  await settled()
  assert.deepEqual(world.kernel.signals, [[pid, 2]])
  await world.clock.pass(3000)
  await stopped
  assert.deepEqual(world.kernel.signals.at(-1), [pid, 9])
  assert.deepEqual(world.events.actions, ['create', 'start', 'kill', 'kill', 'die', 'stop'])
  assert.equal(
    await failureOf(world.containers.backend.stop(id, {})),
    'notModified: container is already stopped',
  )
})

test('a stop that waits for ever lets kill and inspect pass', async () => {
  await using world = makeWorld()
  const id = await world.create()
  await world.containers.backend.start(id, {})
  const stopped = world.containers.backend.stop(id, { timeoutSeconds: -1 })
  await settled()
  assert.equal(world.clock.waiting, 0)
  await world.containers.backend.inspect(id, inspect)
  world.kernel.onSignal = () => world.shims.last.end(137)
  await world.containers.backend.kill(id, { signal: 'SIGKILL' })
  await stopped
})

test('kill names the container and the reason', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  const kill = (reference: string, name: string): Promise<string> =>
    failureOf(world.containers.backend.kill(reference, { signal: name }))
  assert.equal(
    await kill('web', ''),
    `conflict: cannot kill container: web: container ${id} is not running`,
  )
  assert.equal(await kill('no', ''), 'notFound: cannot kill container: no: No such container: no')
  assert.equal(
    await kill('web', 'FOO'),
    'invalidParameter: cannot kill container: web: invalid signal: FOO',
  )
})

test('rm refuses a running container, with force it kills', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  await world.containers.backend.start(id, {})
  const remove = (force: boolean): Promise<void> =>
    world.containers.backend.remove('web', { force, volumes: false, link: false })
  assert.equal(
    await failureOf(remove(false)),
    'conflict: cannot remove container "web": container is running: stop the container before removing or force remove',
  )
  world.kernel.onSignal = () => world.shims.last.end(137)
  await remove(true)
  assert.deepEqual(world.events.actions.slice(2), ['kill', 'die', 'destroy'])
  await world.create({}, 'web')
})

test('a removal that fails leaves a dead container that can be removed again', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'web')
  const { removeTree } = world.kernel.native
  world.kernel.native.removeTree = () => Promise.reject(new Error('EIO'))
  const options = { force: false, volumes: false, link: false }
  assert.equal(
    await failureOf(world.containers.backend.remove('web', options)),
    'system: cannot remove container "web": EIO',
  )
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.deepEqual([State.Status, State.Dead], ['dead', true])
  assert.equal(
    await failureOf(world.containers.backend.start(id, {})),
    'conflict: container is marked for removal and cannot be started',
  )
  world.kernel.native.removeTree = removeTree
  await world.containers.backend.remove('web', options)
})

test('two removals at once: one wins, the other is told so', async () => {
  await using world = makeWorld()
  await world.create({}, 'web')
  const options = { force: true, volumes: false, link: false }
  const first = world.containers.backend.remove('web', options)
  assert.equal(
    await failureOf(world.containers.backend.remove('web', options)),
    'conflict: removal of container web is already in progress',
  )
  await first
})

test('always restarts with a growing delay until a user stops it', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { RestartPolicy: { Name: 'always' } } })
  await world.containers.backend.start(id, {})
  const status = async (): Promise<string> =>
    (await world.containers.backend.inspect(id, inspect)).State.Status
  for (const delay of [100, 200, 400]) {
    world.shims.last.end(1, world.clock.nowNs())
    await settled()
    assert.equal(await status(), 'restarting')
    await world.clock.pass(delay - 1)
    assert.equal(await status(), 'restarting')
    await world.clock.pass(1)
    assert.equal(await status(), 'running')
  }
  assert.equal((await world.containers.backend.inspect(id, inspect)).RestartCount, 3)
  world.shims.last.end(1, world.clock.nowNs())
  await settled()
  await world.containers.backend.stop(id, {})
  assert.equal(await status(), 'exited')
  await world.clock.pass(60_000)
  assert.equal(await status(), 'exited')
})

test('restart stops, starts and keeps a --rm container', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { AutoRemove: true } })
  await world.containers.backend.start(id, {})
  world.kernel.onSignal = () => world.shims.last.end(0)
  await world.containers.backend.restart(id, {})
  assert.equal(world.shims.launched.length, 2)
  assert.deepEqual(world.events.actions.slice(2), ['kill', 'die', 'stop', 'start', 'restart'])
  assert.equal((await world.containers.backend.inspect(id, inspect)).State.Status, 'running')
})

test('rename moves the name, and refuses the same and a taken one', async () => {
  await using world = makeWorld()
  const id = await world.create({}, 'old')
  const other = await world.create({}, 'other')
  const { backend } = world.containers
  await backend.rename('old', 'new')
  assert.equal((await backend.inspect('new', inspect)).Id, id)
  assert.equal(await failureOf(backend.inspect('old', inspect)), 'notFound: No such container: old')
  assert.equal(
    await failureOf(backend.rename('new', '/new')),
    'invalidParameter: Renaming a container with the same name as its current name',
  )
  assert.equal(
    await failureOf(backend.rename('new', 'other')),
    `conflict: Error when allocating new name: Conflict. The container name "/other" is already in use by container "${other}". You have to remove (or rename) that container to be able to reuse that name.`,
  )
  assert.equal(world.events.events.at(-1)!.attributes['oldName'], '/old')
})

test('a client that attaches before the start is served by the shim from the first byte', async () => {
  await using world = makeWorld()
  const id = await world.create({ OpenStdin: true })
  const hijack = fakeHijack(world.kernel)
  const options = { stdin: true, stdout: true, stderr: false, stream: true, logs: false }
  await world.containers.backend.attach(id, options, hijack)
  assert.ok(world.kernel.open.has(hijack.fd!))
  await world.containers.backend.start(id, {})
  assert.deepEqual(
    world.shims.last.plan!.clients.map(({ stdin, stderr }) => [stdin, stderr]),
    [[true, false]],
  )
  assert.ok(!world.kernel.open.has(hijack.fd!))
})

test('a client of a running container goes to its shim; of a removed one it is closed', async () => {
  await using world = makeWorld()
  const { backend } = world.containers
  const id = await world.create()
  const waiting = fakeHijack(world.kernel)
  const options = { stdin: true, stdout: true, stderr: true, stream: true, logs: false }
  await backend.attach(id, options, waiting)
  await backend.remove(id, { force: true, volumes: false, link: false })
  assert.equal(world.kernel.open.size, 0)
  const running = await world.create()
  await backend.start(running, {})
  const hijack = fakeHijack(world.kernel)
  await backend.attach(running, options, hijack)
  assert.deepEqual(world.shims.last.attached, [hijack.fd])
  assert.equal(
    await failureOf(
      backend.attach(running, { ...options, detachKeys: 'ctrl-?' }, fakeHijack(world.kernel)),
    ),
    'invalidParameter: Invalid detach keys (ctrl-?) provided',
  )
})

test('resize and detach are events; both need a running container', async () => {
  await using world = makeWorld()
  const { backend } = world.containers
  const id = await world.create({ Tty: true })
  assert.equal(
    await failureOf(backend.resize(id, { rows: 1, columns: 2 })),
    `conflict: container ${id} is not running`,
  )
  await backend.start(id, {})
  await backend.resize(id, { rows: 24, columns: 80 })
  assert.deepEqual(world.shims.last.size, [24, 80])
  world.shims.last.detach()
  assert.deepEqual(world.events.actions.slice(2), ['resize', 'detach'])
})

test('shutdown lets containers go, or stops them and does not call that a user’s stop', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { RestartPolicy: { Name: 'unless-stopped' } } })
  await world.containers.backend.start(id, {})
  world.kernel.onSignal = () => world.shims.last.end(143)
  await world.containers.shutdown({ stopContainers: true, timeoutSeconds: 5 })
  const { State } = await world.containers.backend.inspect(id, inspect)
  assert.equal(State.Status, 'exited')
  const [row] = world.events.statements.filter((s) => s.parameters.includes('exited'))
  assert.match(row!.parameters.join(' '), /"manuallyStopped":false/)

  await using other = makeWorld()
  await other.containers.backend.start(await other.create(), {})
  await other.containers.shutdown({ stopContainers: false, timeoutSeconds: 5 })
  assert.ok(other.shims.last.closed)
  assert.deepEqual(other.kernel.signals, [])
  assert.equal(other.kernel.open.size, 0)
})

test('a failed start with --rm: removed waiters get the code and no error', async () => {
  await using world = makeWorld()
  const id = await world.create({ HostConfig: { AutoRemove: true } })
  const { result } = await world.containers.backend.wait(id, { condition: 'removed', signal })
  world.shims.failure = new LaunchError('exec', 13)
  await failureOf(world.containers.backend.start(id, {}))
  assert.deepEqual(await result, { StatusCode: 126 })
})
