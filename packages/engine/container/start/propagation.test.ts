import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseMountTable, propagationProblem } from './propagation.ts'

test('a bind is shared or slave where the mount of its source is', () => {
  const dir = mkdtempSync(join(tmpdir(), 'propagation-'))
  for (const name of ['shared', 'slave', 'private', 'with blank'])
    mkdirSync(join(dir, name, 'deep'), { recursive: true })
  const table = parseMountTable(
    [
      `20 1 0:1 / / rw - ext4 /dev/vda rw`,
      `21 20 0:2 / ${dir}/shared rw shared:7 - tmpfs a rw`,
      `22 20 0:3 / ${dir}/slave rw master:7 - tmpfs a rw`,
      `23 20 0:4 / ${dir}/private rw shared:8 - tmpfs a rw`,
      `24 23 0:5 / ${dir}/private rw - tmpfs a rw`,
      `25 20 0:6 / ${dir}/with\\040blank rw shared:9 - tmpfs a rw`,
      '',
    ].join('\n'),
  )
  const problem = (name: string, propagation: string): string | undefined =>
    propagationProblem(table, join(dir, name), propagation)
  assert.equal(problem('shared/deep', 'rshared'), undefined)
  assert.equal(problem('with blank', 'shared'), undefined)
  assert.equal(problem('slave', 'rslave'), undefined)
  assert.equal(
    problem('slave', 'shared'),
    `path ${dir}/slave is mounted on ${dir}/slave but it is not a shared mount`,
  )
  assert.equal(
    problem('private/deep', 'slave'),
    `path ${dir}/private/deep is mounted on ${dir}/private but it is not a shared or slave mount`,
  )
  assert.equal(
    problem('', 'rshared'),
    `path ${dir}/ is mounted on / but it is not a shared mount`.replace(`${dir}/ is`, `${dir} is`),
  )
  rmSync(dir, { recursive: true })
})
