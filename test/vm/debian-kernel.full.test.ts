/**
 * What this machine's kernel may lack, proven on Debian's in a virtual machine: cgroup v2 with its
 * controllers, AppArmor, ipvlan, sctp, overlay and mounts as they were before 6.5 and 6.15. The
 * tests are those of the machine itself and, in guest/, some that only make sense there. Twenty
 * times slower than here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInMachine } from './machine.ts'

interface Run {
  /** Files, and directories for all that is in them. */
  tests: readonly string[]
  /** From the boot; several times what it takes on a machine that has nothing else to do. */
  minutes: number
}

const integration = (...names: readonly string[]): string[] =>
  names.map((name) => `test/integration/${name}`)

const runs: Readonly<Record<string, Run>> = {
  AppArmor: { tests: ['test/vm/guest/apparmor.guest.ts'], minutes: 15 },
  'every field of Config and HostConfig': { tests: ['test/matrix'], minutes: 45 },
  'limits, their updates, what is used': {
    tests: [
      'test/vm/guest/resources.guest.ts',
      ...integration('cgroup', 'resources', 'update', 'stats/stats.test.ts', 'pause'),
    ],
    minutes: 40,
  },
  'containers and their processes': {
    tests: integration('container', 'exec', 'policy'),
    minutes: 45,
  },
  'file systems': {
    tests: integration(
      'archive/archive.test.ts',
      'archive/changes.test.ts',
      'kernel/rootfs.test.ts',
      'volume/volumes.test.ts',
    ),
    minutes: 45,
  },
  'volumes with devices and sizes, every mount': {
    tests: [
      'test/vm/guest/quota.guest.ts',
      'test/vm/guest/nfs.guest.ts',
      ...integration('volume/mounted.test.ts', 'mounts'),
    ],
    minutes: 60,
  },
  'macvlan, ipvlan and sctp': { tests: ['test/vm/guest/network.guest.ts'], minutes: 30 },
}

for (const [name, { tests, minutes }] of Object.entries(runs)) {
  // The runner's own limit for a test is meant for this machine.
  test(name, { timeout: (minutes + 5) * 60_000 }, async (t) => {
    const result = await runInMachine({
      script: `.runtime/node/bin/node scripts/test.ts ${tests.join(' ')}`,
      timeoutSeconds: minutes * 60,
    })
    const last = result.output.trim().split('\n').at(-1) ?? ''
    t.diagnostic(last)
    assert.equal(result.status, 0, `${result.output}\n${result.console}`)
    assert.match(last, /^[1-9]\d* passed, 0 failed/)
  })
}
