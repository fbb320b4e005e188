import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../store/sqlite-store.ts'
import type { Statement, Store } from '../../store/store.ts'
import { execPaths } from '../paths.ts'
import { FakeShim } from '../testing/fake-shims.ts'
import { failureOf, makeWorld, settled, type World } from '../testing/fakes.ts'

const inspect = { size: false }

/** Two daemons, one after the other, over one database. */
class Reboot implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'restore-'))
  readonly store: Store = openStore({ path: join(this.#dir, 'state.db') })
  readonly config = {
    dataRoot: join(this.#dir, 'data'),
    execRoot: join(this.#dir, 'run'),
  }
  readonly before: World = this.#world()

  #world(over: object = {}): World {
    const world = makeWorld({ store: this.store, config: { ...this.config, ...over } })
    world.events.commit = async (statements, events) => {
      const rows = statements.filter((statement: Statement) => statement.sql !== 'use')
      await this.store.write(rows)
      world.events.events.push(...events)
    }
    return world
  }

  /** The first daemon is killed: nothing of it is told. */
  next(over: object = {}): World {
    return this.#world(over)
  }

  runDir(id: string): string {
    return join(this.config.execRoot, 'c', id.slice(0, 24))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

test('a container whose shim lives goes on, and its end is seen', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create({}, 'web')
  await machine.before.containers.backend.start(id, {})
  const { last } = machine.before.shims
  const after = machine.next()
  after.shims.left.set(join(machine.runDir(id), 's'), last)
  const listed = await after.containers.backend.inspect('web', inspect)
  assert.equal(listed.State.Status, 'running')
  await after.containers.restore()
  assert.deepEqual(
    after.networks.restored,
    new Map([
      [
        id,
        {
          pid: last.pid,
          networks: ['bridge'],
          resolver: { dns: [], dnsSearch: [], dnsOptions: [] },
        },
      ],
    ]),
  )
  const { State } = await after.containers.backend.inspect('web', inspect)
  assert.deepEqual([State.Status, State.Pid], ['running', last.pid])
  const { signal } = new AbortController()
  const ended = await after.containers.backend.wait('web', { condition: 'next-exit', signal })
  last.end(9)
  assert.deepEqual(await ended.result, { StatusCode: 9 })
  assert.deepEqual(after.events.actions, ['die'])
})

test('verbs wait for the container’s turn, reads do not', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create({}, 'web')
  await machine.before.containers.backend.start(id, {})
  const after = machine.next()
  after.shims.left.set(join(machine.runDir(id), 's'), machine.before.shims.last)
  let stopped = false
  after.kernel.onSignal = () => machine.before.shims.last.end(143)
  const stop = after.containers.backend.stop('web', {}).then(() => (stopped = true))
  await settled()
  assert.ok(!stopped)
  await after.containers.restore()
  await stop
})

test('an exit record of the meantime is the last word', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create()
  await machine.before.containers.backend.start(id, {})
  const after = machine.next()
  const record = { exitCode: 6, signal: 0, finishedAtNs: 1_700_000_005_000_000_123n }
  after.shims.records.set(join(machine.runDir(id), 'exit'), record)
  const { result } = await after.containers.restore().then(() =>
    after.containers.backend.wait(id, {
      condition: 'not-running',
      signal: new AbortController().signal,
    }),
  )
  assert.deepEqual(await result, { StatusCode: 6 })
  const { State } = await after.containers.backend.inspect(id, inspect)
  assert.equal(State.FinishedAt, '2023-11-14T22:13:25.000000123Z')
  assert.deepEqual(after.events.actions, ['die'])
})

test('without shim and record it ended with 255; --rm removes, always starts', async () => {
  await using machine = new Reboot()
  const { backend } = machine.before.containers
  const lost = await machine.before.create({}, 'lost')
  const gone = await machine.before.create({ HostConfig: { AutoRemove: true } }, 'gone')
  const again = { HostConfig: { RestartPolicy: { Name: 'always' } } }
  await machine.before.create(again, 'again')
  await machine.before.create(again, 'never-started')
  for (const name of ['lost', 'gone', 'again']) await backend.start(name, {})
  rmSync(machine.config.execRoot, { recursive: true })
  const after = machine.next({ bootId: 'another' })
  const { signal } = new AbortController()
  const removed = after.containers.backend.wait(gone, { condition: 'removed', signal })
  await after.containers.restore()
  assert.deepEqual(await (await removed).result, { StatusCode: 255 })
  const state = async (name: string): Promise<unknown[]> => {
    const { State } = await after.containers.backend.inspect(name, inspect)
    return [State.Status, State.ExitCode]
  }
  assert.deepEqual(await state(lost), ['exited', 255])
  assert.match(await failureOf(state(gone)), /No such container/)
  assert.deepEqual(await state('again'), ['running', 0])
  assert.equal((await after.containers.backend.inspect('again', inspect)).RestartCount, 0)
  assert.deepEqual(await state('never-started'), ['created', 0])
})

test('unless-stopped stays down when a user stopped it, always does not', async () => {
  await using machine = new Reboot()
  const { backend } = machine.before.containers
  machine.before.kernel.onSignal = () => machine.before.shims.last.end(0)
  for (const Name of ['always', 'unless-stopped']) {
    await machine.before.create({ HostConfig: { RestartPolicy: { Name } } }, Name)
    await backend.start(Name, {})
    await backend.stop(Name, {})
  }
  const after = machine.next()
  await after.containers.restore()
  const status = async (name: string): Promise<string> =>
    (await after.containers.backend.inspect(name, inspect)).State.Status
  assert.equal(await status('always'), 'running')
  assert.equal(await status('unless-stopped'), 'exited')
})

test('a launch that was not committed is found by its socket', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create()
  mkdirSync(machine.runDir(id), { recursive: true })
  const shim = new FakeShim()
  const after = machine.next()
  after.shims.left.set(join(machine.runDir(id), 's'), shim)
  await after.containers.restore()
  const { State } = await after.containers.backend.inspect(id, inspect)
  assert.deepEqual([State.Status, State.Pid], ['running', shim.pid])
  assert.deepEqual(after.events.actions, ['start'])
})

test('a removal that was under way is finished', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create({}, 'web')
  machine.before.kernel.native.removeTree = () => new Promise(() => {})
  const options = { force: false, volumes: false, link: false }
  void machine.before.containers.backend.remove('web', options)
  await settled()
  await machine.store.write([])
  const after = machine.next()
  await after.containers.restore()
  assert.match(await failureOf(after.containers.backend.inspect(id, inspect)), /No such container/)
  assert.deepEqual(after.events.actions, ['destroy'])
  assert.ok(!existsSync(join(machine.config.dataRoot, 'containers', id)))
  await after.create({}, 'web')
})

test('what has no owner is garbage', async () => {
  await using machine = new Reboot()
  const kept = await machine.before.create()
  const home = join(machine.config.dataRoot, 'containers')
  const run = join(machine.config.execRoot, 'c/aaaa')
  mkdirSync(join(home, 'orphan/diff'), { recursive: true })
  mkdirSync(run, { recursive: true })
  const shim = new FakeShim()
  const after = machine.next()
  after.shims.left.set(join(run, 's'), shim)
  after.kernel.onSignal = () => shim.end(137)
  await after.containers.restore()
  assert.ok(existsSync(join(home, kept)))
  assert.ok(!existsSync(join(home, 'orphan')))
  assert.ok(!existsSync(run))
  assert.deepEqual(after.kernel.signals, [[shim.pid, 9]])
})

test('execs go on or get their code', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create({}, 'web')
  await machine.before.containers.backend.start(id, {})
  const { execs } = machine.before.containers
  const ids: string[] = []
  for (const name of ['lives', 'ended', 'unstarted']) {
    const { Id } = await execs.create('web', { Cmd: [name] })
    ids.push(Id)
    if (name !== 'unstarted') await execs.start(Id, { Detach: true }, undefined)
  }
  await settled()
  await machine.store.write([])
  const [container, lives] = machine.before.shims.launched
  const after = machine.next()
  after.shims.left.set(join(machine.runDir(id), 's'), container!)
  after.shims.left.set(execPaths(machine.config.execRoot, ids[0]!).socket, lives!)
  after.shims.records.set(execPaths(machine.config.execRoot, ids[1]!).exit, {
    exitCode: 4,
    signal: 0,
    finishedAtNs: 1n,
  })
  await after.containers.restore()
  const of = async (execId: string): Promise<unknown[]> => {
    const exec = await after.containers.execs.inspect(execId)
    return [exec.Running, exec.ExitCode]
  }
  assert.deepEqual(await of(ids[0]!), [true, null])
  assert.deepEqual(await of(ids[1]!), [false, 4])
  assert.deepEqual(await of(ids[2]!), [false, null])
})

test('networks that cannot be restored hold up no stop and no removal', async () => {
  await using machine = new Reboot()
  const id = await machine.before.create({}, 'web')
  const after = machine.next()
  after.networks.restore = () => Promise.reject(new Error('database or disk is full'))
  await after.containers.restore()
  await after.containers.backend.remove(id, { force: true, volumes: true, link: false })
  assert.equal(
    await failureOf(after.containers.backend.inspect(id, inspect)),
    `notFound: No such container: ${id}`,
  )
})
