import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allCapabilities, defaultCapabilities } from '@tdocker/oci/capabilities.ts'
import { encodePlan } from '@tdocker/kernel/shim/encode.ts'
import { buildExecPlan } from './exec-plan.ts'
import { assertGolden } from './golden/golden-file.ts'
import { execInput } from './plan-fixture.ts'

test('golden: exec', () => {
  const built = buildExecPlan(execInput())
  assertGolden('exec-default.json', built)
  assert.ok(encodePlan(built.plan).length > 0)
})

test('golden: exec on a tty', () => {
  const input = execInput({ tty: true, openStdin: true, env: ['B=2', 'A'] }, { WorkingDir: '/srv' })
  assertGolden('exec-tty.json', buildExecPlan({ ...input, consoleSize: [50, 132] }))
})

test('privileged widens capabilities, and nothing else', () => {
  const narrow = buildExecPlan(execInput()).plan.process
  const wide = buildExecPlan(execInput({ privileged: true })).plan.process
  assert.deepEqual(narrow.capabilities.bounding, defaultCapabilities)
  assert.deepEqual(wide.capabilities.bounding, allCapabilities)
  assert.deepEqual({ ...wide, capabilities: 0 }, { ...narrow, capabilities: 0 })
})

test('an exec is confined as its container', () => {
  const hostConfig = {
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges=true'],
    Ulimits: [{ Name: 'nproc', Soft: 5, Hard: 6 }],
  }
  const { process } = buildExecPlan(execInput({}, {}, hostConfig)).plan
  assert.deepEqual(process.capabilities.bounding, [])
  assert.equal(process.noNewPrivileges, true)
  assert.deepEqual(process.rlimits, [{ name: 'nproc', soft: 5n, hard: 6n }])
  assert.deepEqual(process.seccomp, Uint8Array.of(1, 2, 3))
})

test('working directory: of the exec, of the container, the root', () => {
  const cwd = (workingDir: string, WorkingDir: string): string =>
    buildExecPlan(execInput({ workingDir }, { WorkingDir })).plan.process.cwd
  assert.equal(cwd('/a', '/b'), '/a')
  assert.equal(cwd('', '/b'), '/b')
  assert.equal(cwd('', ''), '/')
})

test('an exec without a command', () => {
  assert.throws(() => buildExecPlan(execInput({ cmd: [] })), {
    kind: 'invalidParameter',
    message: 'No exec command specified',
  })
})
