import assert from 'node:assert/strict'
import { test } from 'node:test'

import { deviceRules } from '@tdocker/engine/container/plan/devices.ts'

import { patience } from '../../lib/patience.ts'
import { eventually, makeGroup, readLimit, remains } from './group.ts'

const MiB = 1024 * 1024

test('limits are in the files of the kernel', async (t) => {
  const { driver, path } = await makeGroup(t, {
    resources: {
      memoryBytes: 64 * MiB,
      memorySwapBytes: 96 * MiB,
      cpuQuotaUs: 50_000,
      cpuPeriodUs: 100_000,
      cpusetCpus: '0',
      pids: 17,
    },
  })
  assert.equal(readLimit(driver, path, 'pids.max'), '17')
  assert.equal(readLimit(driver, path, 'cpuset.cpus'), '0')
  if (driver.version === 1) {
    assert.equal(readLimit(driver, path, 'memory.limit_in_bytes'), String(64 * MiB))
    assert.equal(readLimit(driver, path, 'memory.memsw.limit_in_bytes'), String(96 * MiB))
    assert.equal(readLimit(driver, path, 'cpu.cfs_quota_us'), '50000')
    assert.notEqual(readLimit(driver, path, 'cpuset.mems'), '')
  } else {
    assert.equal(readLimit(driver, path, 'memory.max'), String(64 * MiB))
    assert.equal(readLimit(driver, path, 'memory.swap.max'), String(32 * MiB))
    assert.equal(readLimit(driver, path, 'cpu.max'), '50000 100000')
  }
})

test('update raises and lowers memory in an order the kernel takes', async (t) => {
  const { driver, path } = await makeGroup(t, {
    resources: { memoryBytes: 64 * MiB, memorySwapBytes: 64 * MiB },
  })
  const file = driver.version === 1 ? 'memory.limit_in_bytes' : 'memory.max'
  for (const size of [256, 32, 128]) {
    await driver.update(path, { memoryBytes: size * MiB, memorySwapBytes: size * MiB })
    assert.equal(readLimit(driver, path, file), String(size * MiB))
  }
  await driver.update(path, { memoryBytes: 64 * MiB, memorySwapBytes: -1 })
  assert.equal(readLimit(driver, path, file), String(64 * MiB))
})

test('a process that joins every file is in the group, and counted', async (t) => {
  const { driver, path, run } = await makeGroup(t)
  const { child } = run('exec sleep 1000')
  await eventually(async () => (await driver.pids(path)).includes(child.pid ?? -1))
  assert.deepEqual(await driver.pids(path), [child.pid])
})

test('forks beyond the pids limit fail', async (t) => {
  const { run } = await makeGroup(t, { resources: { pids: 5 } })
  const { output } = await run(`
    n=0; while [ $n -lt 20 ]; do sleep 1000 >/dev/null 2>&1 & n=$((n+1)); done
    echo made $n`).done
  assert.match(output, /[Ff]ork/)
})

test('an OOM kill is counted and told of', async (t) => {
  const { driver, path, run } = await makeGroup(t, {
    resources: { memoryBytes: 20 * MiB, memorySwapBytes: 20 * MiB },
  })
  const told = Promise.withResolvers<void>()
  let times = 0
  using _watch = driver.watchOom(path, 0, () => {
    times++
    told.resolve()
  })
  assert.equal(await driver.oomKills(path), 0)
  const { code, signal } = await run('dd if=/dev/zero of=/dev/null bs=100M count=1; exit $?').done
  assert.ok(code === 137 || signal === 'SIGKILL', `${code} ${signal}`)
  const timer = setTimeout(() => told.reject(new Error('nobody told')), 10_000 * patience)
  await told.promise.finally(() => clearTimeout(timer))
  assert.ok((await driver.oomKills(path)) >= 1)
  assert.ok(times >= 1)
})

test('removing a group is no OOM', async (t) => {
  const { driver, path } = await makeGroup(t)
  let times = 0
  using _watch = driver.watchOom(path, 0, () => times++)
  await driver.remove(path)
  // The eventfd fires at the rmdir: give its handler its turn.
  await eventually(async () => (await driver.oomKills(path)) === 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(times, 0)
})

test('freeze holds processes, kill ends frozen ones', async (t) => {
  const { driver, path, run } = await makeGroup(t)
  const { child, done } = run('while :; do sleep 0.01; done')
  await eventually(async () => (await driver.pids(path)).includes(child.pid ?? -1))
  await driver.freeze(path, true)
  await driver.freeze(path, false)
  await driver.freeze(path, true)
  await driver.kill(path)
  assert.equal((await done).signal, 'SIGKILL')
})

test('the default device rules allow null and refuse the rest', async (t) => {
  const { run } = await makeGroup(t, {
    devices: deviceRules({}, { devices: [], rules: [] }),
  })
  const { output } = await run(`
    head -c 1 /dev/zero | wc -c
    echo x > /dev/null && echo null
    head -c 0 /dev/kmsg 2>&1 || true
    mknod /dev/shm/tdocker-test-$$ c 10 229 && echo made
    (: < /dev/shm/tdocker-test-$$)
    rm -f /dev/shm/tdocker-test-$$`).done
  assert.match(output, /^1\nnull\n/)
  assert.match(output, /kmsg.*not permitted/)
  assert.match(output, /made/)
  assert.match(output, /cannot open .*tdocker-test/)
})

test('nested groups of the container go with it', async (t) => {
  const { driver, path, run } = await makeGroup(t)
  const { output } = await run(`
    for file in "$@"; do mkdir "\${file%/*}/nested" && mkdir "\${file%/*}/nested/deep"; done
    echo $$ > "\${file%/*}/nested/deep/cgroup.procs"; sleep 0.01; echo ok`).done
  assert.match(output, /ok/)
  await driver.remove(path)
  assert.deepEqual(remains(path), [])
})

test('remove is fine when nothing is there; close takes the parent away', async (t) => {
  const { driver, parent, path } = await makeGroup(t)
  await driver.remove(path)
  await driver.remove(path)
  driver.close()
  assert.deepEqual(remains(parent), [])
})

test('create leaves nothing when a limit is refused', async (t) => {
  const { driver, parent } = await makeGroup(t)
  const path = `${parent}/refused`
  const create = driver.create({ path, resources: { cpusetCpus: '4095' }, devices: [] })
  await assert.rejects(create, { name: 'KernelError' })
  assert.deepEqual(remains(path), [])
})

test('a group for shims exists and is not the container’s', async (t) => {
  const { driver, path } = await makeGroup(t)
  for (const file of driver.shimProcsFiles()) assert.ok(!file.includes(path), file)
})
