/**
 * Every field of `Config` and `HostConfig`: set through the API, observed in the kernel, read back
 * by inspect; and bad values, which are refused in Docker's words and leave nothing behind. The list
 * of fields is the wire schema's own, so that a field without a row fails here.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerConfig, HostConfig } from '@tdocker/api'
import { fields } from './fields.ts'
import { runBad, runCase } from './runner.ts'
import { makeWorld, type World } from './world.ts'

let world: World & AsyncDisposable
before(async () => (world = await makeWorld()))
after(() => world[Symbol.asyncDispose]())

test('every field of the schemas has one row, and no row is without a field', () => {
  const known = [
    ...Object.keys(ContainerConfig.properties).map((key) => `Config.${key}`),
    ...Object.keys(HostConfig.properties).map((key) => `HostConfig.${key}`),
  ]
  assert.deepEqual(fields.map(({ name }) => name).sort(), known.sort())
})

for (const field of fields)
  test(field.name, async (t) => {
    for (const one of field.cases)
      await t.test(one.what ?? `set to ${brief(one.set)}`, async (t) => {
        const reason = one.unless?.(world)
        if (reason !== undefined) t.skip(reason)
        else await runCase(world, field, one)
      })
    for (const one of field.bad ?? [])
      await t.test(one.what ?? `refuses ${brief(one.set)}`, async (t) => {
        const reason = one.unless?.(world)
        if (reason !== undefined) t.skip(reason)
        else await runBad(world, field, one)
      })
  })

function brief(value: unknown): string {
  const text = typeof value === 'function' ? 'what the machine has' : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
