/** Does what rows say: creates, starts, looks, reads back, removes. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { ApiAnswer } from '../lib/api-client.ts'
import { footprintOf } from '../lib/footprint.ts'
import { until } from '../lib/test-daemon.ts'
import { type Bad, type Case, type Field, PerVersion, type Value } from './field.ts'
import { Seen } from './seen.ts'
import type { World } from './world.ts'

/** Creates a container with the case's value, starts it, and compares what is seen. */
export async function runCase(world: World, field: Field, one: Case): Promise<void> {
  const request = requestOf(world, field, one)
  const created = await create(world, request)
  assert.equal(created.status, 201, created.text)
  const { Id: id, Warnings: warnings } = created.body
  checkWarnings(warnings, one.warns ?? [])
  try {
    if (!one.unstarted) {
      const started = await world.daemon.api.post(`/containers/${id}/start`)
      assert.equal(started.status, 204, started.text)
    }
    await look(world, field, one, id)
  } finally {
    await world.daemon.api.delete(`/containers/${id}?force=1&v=1`)
  }
}

async function look(world: World, field: Field, one: Case, id: string): Promise<void> {
  let output = ''
  if (one.script !== undefined) {
    await world.daemon.wait(id)
    output = (await world.daemon.logs(id)).trim()
  }
  const seen = await Seen.of(world.daemon, id, output)
  if (one.see || one.script !== undefined) {
    const found = await (one.see ?? ((x: Seen) => x.output))(seen)
    compare(found, expected(world, one.expect), 'the kernel shows')
  }
  const shown = valueOf(world, 'shown' in one ? one.shown : one.set)
  compare(readBack(seen, field.name), expected(world, shown), 'inspect shows')
}

/** A refusal, with its status and sentence, that leaves nothing behind. */
export async function runBad(world: World, field: Field, one: Bad): Promise<void> {
  const before = footprintOf(world.daemon)
  const request = requestOf(world, field, one)
  const created = await create(world, request, one.version)
  if (one.at !== 'start') {
    if (created.status === 201) await world.daemon.api.delete(`/containers/${created.body.Id}?v=1`)
    refusal(created, one)
  } else {
    assert.equal(created.status, 201, created.text)
    const id = created.body.Id
    const started = await world.daemon.api.post(`/containers/${id}/start`)
    const seen = await Seen.of(world.daemon, id)
    await world.daemon.api.delete(`/containers/${id}?force=1&v=1`)
    refusal(started, one)
    assert.equal(seen.inspect.State.Running, false)
    assert.notEqual(seen.inspect.State.ExitCode, 0)
    assert.equal(seen.inspect.State.Error, (started.body as { message: string }).message)
  }
  await until('nothing to be left behind', () => leftBehind(before, world).length === 0).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}: ${leftBehind(before, world).join(', ')}`)
    },
  )
}

/** What is there and was not. What earlier cases had may still be on its way out. */
function leftBehind(before: Record<string, string[]>, world: World): string[] {
  return Object.entries(footprintOf(world.daemon)).flatMap(([kind, now]) => {
    const known = new Set(before[kind]?.map((one) => identityOf(kind, one)))
    return now.filter((one) => !known.has(identityOf(kind, one)))
  })
}

/** A link's line tells its state, too, which changes; its name does not. */
function identityOf(kind: string, one: string): string {
  return kind === 'links' ? (one.split(':')[1] ?? one) : one
}

function refusal(answer: ApiAnswer, one: Bad): void {
  const { message = '' } = (answer.body ?? {}) as { message?: string }
  if (typeof one.says === 'string') assert.equal(message, one.says)
  else assert.match(message, one.says)
  assert.equal(answer.status, one.status)
}

type Created = ApiAnswer<{ Id: string; Warnings: string[] }>

function create(world: World, body: object, version?: string): Promise<Created> {
  const path = `${version === undefined ? '' : `/v${version}`}/containers/create`
  return world.daemon.api.post(path, body)
}

function requestOf(world: World, field: Field, one: Case | Bad): object {
  const [part = '', key = ''] = field.name.split('.')
  const value = { [key]: valueOf(world, one.set) }
  const script = 'script' in one && one.script !== undefined ? ['sh', '-c', one.script] : undefined
  return {
    Image: 'busybox',
    Cmd: script ?? ['sleep', '1000'],
    StopSignal: 'KILL',
    ...valueOf(world, one.config),
    ...(part === 'Config' ? value : {}),
    ...(one.networking ? { NetworkingConfig: one.networking } : {}),
    HostConfig: {
      NetworkMode: 'none',
      ...valueOf(world, one.host),
      ...(part === 'HostConfig' ? value : {}),
    },
  }
}

function valueOf<T>(world: World, value: Value<T> | undefined): T | undefined {
  return typeof value === 'function' ? (value as (world: World) => T)(world) : value
}

function expected(world: World, value: unknown): unknown {
  if (typeof value === 'function') return (value as (world: World) => unknown)(world)
  if (!(value instanceof PerVersion)) return value
  return expected(world, world.cgroupVersion === 1 ? value.v1 : value.v2)
}

function readBack(seen: Seen, name: string): unknown {
  const [part, key = ''] = name.split('.')
  const holder = part === 'Config' ? seen.inspect.Config : seen.inspect.HostConfig
  return (holder as Record<string, unknown>)[key]
}

function compare(found: unknown, wanted: unknown, what: string): void {
  if (wanted instanceof RegExp) {
    const text = typeof found === 'string' ? found : JSON.stringify(found)
    assert.match(text ?? 'undefined', wanted, what)
  } else if (!isDeepStrictEqual(found, wanted))
    assert.deepEqual(
      found,
      wanted,
      `${what} ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
    )
}

function checkWarnings(found: readonly string[], wanted: readonly (string | RegExp)[]): void {
  assert.equal(found.length, wanted.length, `warnings: ${found.join(' | ')}`)
  wanted.forEach((one, at) => compare(found[at], one, 'warning'))
}
