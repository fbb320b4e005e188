import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Compares a value with the file of that name. With UPDATE_GOLDEN=1 in the environment the file is
 * written instead, for a look at the difference in git.
 */
export function assertGolden(name: string, value: unknown): void {
  const path = join(import.meta.dirname, name)
  const text = `${JSON.stringify(value, plainly, 2)}\n`
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text)
  assert.ok(existsSync(path), `${name} is missing: run with UPDATE_GOLDEN=1`)
  assert.equal(text, readFileSync(path, 'utf8'), `${name} differs: see UPDATE_GOLDEN`)
}

/** Short lists of plain values on one line would be nicer, but git diffs lines. */
function plainly(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}
