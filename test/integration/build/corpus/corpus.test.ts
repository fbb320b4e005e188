/**
 * The language of Dockerfiles, case by case: config, history and files of each image are as its golden
 * file says. TDOCKER_UPDATE_GOLDEN=1 writes them anew; test/differential/builds.full.test.ts holds the
 * same cases against Docker.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../../lib/test-daemon.ts'
import { cases } from './cases/all.ts'
import { LANGUAGE, UNNAMED } from './language.ts'
import { goldenOf, loadBase, runCase } from './run-case.ts'

const directory = join(import.meta.dirname, 'golden')
const isUpdate = process.env['TDOCKER_UPDATE_GOLDEN'] !== undefined

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
  await loadBase(daemon.api)
})
after(() => daemon[Symbol.asyncDispose]())

for (const each of cases)
  test(each.name, async () => {
    const golden = goldenOf(await runCase(daemon.api, each))
    const path = join(directory, `${each.name}.txt`)
    if (isUpdate) {
      mkdirSync(directory, { recursive: true })
      writeFileSync(path, golden)
    }
    assert.equal(golden, existsSync(path) ? readFileSync(path, 'utf8') : '')
  })

test('every form and flag of the language has a case, and every golden file one, too', () => {
  const covered = new Set(cases.flatMap(({ covers }) => covers))
  assert.deepEqual(
    LANGUAGE.filter((form) => !covered.has(form)),
    [],
    'without a case',
  )
  assert.deepEqual(
    [...covered].filter((form) => !LANGUAGE.includes(form)),
    [],
    'not in the list',
  )
  const names = cases.map(({ name }) => `${name}.txt`)
  assert.deepEqual(UNNAMED, [], 'instructions without a form')
  assert.equal(new Set(names).size, names.length, 'names are unique')
  assert.deepEqual(readdirSync(directory).toSorted(), names.toSorted())
})
