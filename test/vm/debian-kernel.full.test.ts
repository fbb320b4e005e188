/**
 * What this machine's kernel may lack, proven on Debian's in a virtual machine: cgroup v2 with its
 * controllers, AppArmor, overlay as it was before `lowerdir+`. The tests are those of the machine
 * itself and, in guest/, some that only make sense there. Twenty times slower than here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInMachine } from './machine.ts'

const runs: Readonly<Record<string, readonly string[]>> = {
  AppArmor: ['test/vm/guest/apparmor.guest.ts'],
  'cgroup v2: running state, updates, stats': ['test/vm/guest/resources.guest.ts'],
  'cgroup v2: limits, processes, policy': [
    'test/integration/cgroup/*.test.ts',
    'test/integration/container/*.test.ts',
    'test/integration/exec/*.test.ts',
    'test/integration/policy/*.test.ts',
  ],
  'file systems': [
    'test/integration/kernel/rootfs.test.ts',
    'test/integration/volume/volumes.test.ts',
  ],
}

for (const [name, files] of Object.entries(runs)) {
  test(name, async (t) => {
    const result = await runInMachine({
      script: `.runtime/node/bin/node scripts/test.ts ${files.join(' ')}`,
      timeoutSeconds: 1500,
    })
    const last = result.output.trim().split('\n').at(-1) ?? ''
    t.diagnostic(last)
    assert.equal(result.status, 0, `${result.output}\n${result.console}`)
    assert.match(last, /^[1-9]\d* passed, 0 failed/)
  })
}
