/**
 * CVE-2021-30465, CVE-2024-45310, CVE-2025-52565: while containers start, another one that shares a
 * volume exchanges what their mount points lie in for links to the host. Nothing may be mounted or
 * made outside, and what hides the kernel's files hides them still.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, remove, sleeper } from '../integration/archive/archive-rig.ts'
import { makeTar } from '../integration/kernel/tar-maker.ts'
import { ownMounts } from '../lib/own-mounts.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { compileSwap, startSwap } from './swap.ts'
import { Canary, WRITTEN } from './canary.ts'

export interface MountRaceResult {
  started: number
  refused: number
}

interface Victim {
  id: string
  /** Of its output, where it started. */
  check(output: string): void
}

/** Starts the victims by turns, `starts` in all. */
export async function mountRace(starts: number): Promise<MountRaceResult> {
  await using daemon = await TestDaemon.start()
  using canary = new Canary(join('/dev/shm', `${daemon.id}-canary`))
  const swap = compileSwap(daemon.directory)
  const attackers = [
    await attacker(daemon, swap, 'racevol', { x: 'directory' }, linksTo(daemon, canary)),
    await attacker(daemon, swap, 'devvol', { x: 'console' }, PROC_LINKS),
    await attacker(daemon, swap, 'nullvol', { x: 'null' }, PROC_LINKS),
  ]
  const victims = await makeVictims(daemon)
  const mounts = ownMounts(daemon.id, WRITTEN)
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
  const result: MountRaceResult = { started: 0, refused: 0 }
  for (let i = 0; i < starts; i++) {
    const victim = victims[i % victims.length]!
    const since = Date.now()
    const { status, text } = await daemon.api.post(`/containers/${victim.id}/start`)
    assert.deepEqual(ownMounts(daemon.id, WRITTEN), mounts)
    if (status === 204) {
      await daemon.wait(victim.id)
      victim.check(await outputSince(daemon, victim.id, since))
      result.started++
    } else {
      assert.ok([400, 500].includes(status), text)
      result.refused++
    }
    canary.unharmed()
    assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), pattern)
  }
  for (const id of [...attackers, ...victims.map((victim) => victim.id)]) await remove(daemon, id)
  canary.unharmed()
  return result
}

const PROC_LINKS = [
  '/proc/sys/kernel/core_pattern',
  '/proc/sysrq-trigger',
  '../../../../proc/sys/kernel/core_pattern',
  '/proc/self/attr/current',
]

function linksTo(daemon: TestDaemon, canary: Canary): string[] {
  return [
    canary.dir,
    `../../../../../../../..${canary.dir}`,
    '/',
    `/proc/1/root${canary.dir}`,
    `/proc/${daemon.pid}/root${canary.dir}`,
    '/proc/self/root',
    '/proc',
  ]
}

async function makeVictims(daemon: TestDaemon): Promise<Victim[]> {
  const file = join(daemon.directory, 'file')
  writeFileSync(file, WRITTEN)
  const below = await create(daemon, {
    Cmd: ['true'],
    HostConfig: {
      NetworkMode: 'none',
      Binds: ['racevol:/race', `innervol:/race/x/${WRITTEN}`],
      Tmpfs: { [`/race/x/${WRITTEN}-t`]: '' },
    },
  })
  const made = await create(daemon, {
    Cmd: ['true'],
    HostConfig: {
      NetworkMode: 'none',
      Binds: ['racevol:/race', `${file}:/race/x/${WRITTEN}-f`],
      Mounts: [{ Type: 'volume', Source: 'racevol', Target: `/race/x/${WRITTEN}-v` }],
    },
  })
  const hidden = {
    Cmd: ['sh', '-c', HIDDEN],
  }
  // A terminal needs a devpts, which a /dev of the user's has not.
  const consoles = await create(daemon, {
    ...hidden,
    Tty: true,
    HostConfig: { NetworkMode: 'none', Binds: ['devvol:/dev', '/dev/pts:/dev/pts'] },
  })
  const nulls = await create(daemon, {
    ...hidden,
    HostConfig: { NetworkMode: 'none', Binds: ['nullvol:/dev'] },
  })
  const check = (output: string): void => {
    // Read-only file system, and nothing to be read.
    assert.match(output, /sys ro kcore 0 keys 0 trigger ro\r?\n$/)
  }
  return [
    { id: below, check: () => {} },
    { id: consoles, check },
    { id: made, check: () => {} },
    { id: nulls, check },
  ]
}

/** What is to be hidden, is it? A terminal that lies elsewhere would hide the answer, so a file tells. */
const HIDDEN = `{
  (echo x > /proc/sys/kernel/core_pattern) 2>&- && echo -n "sys rw" || echo -n "sys ro"
  echo -n " kcore "; head -c 10 /proc/kcore 2>&- | wc -c | tr -d '\\n'
  echo -n " keys "; head -c 10 /proc/keys 2>&- | wc -c | tr -d '\\n'
  (echo x > /proc/sysrq-trigger) 2>&- && echo " trigger rw" || echo " trigger ro"
}`

async function outputSince(daemon: TestDaemon, id: string, since: number): Promise<string> {
  const query = `stdout=1&stderr=1&since=${(since / 1000).toFixed(3)}`
  return (await daemon.api.request('GET', `/containers/${id}/logs?${query}`)).text
}

/** A container whose /race/NAME is now what it should be, now a link to somewhere else. */
async function attacker(
  daemon: TestDaemon,
  swap: Buffer,
  volume: string,
  { x }: { x: 'directory' | 'console' | 'null' },
  targets: readonly string[],
): Promise<string> {
  const id = await sleeper(daemon, { Binds: [`${volume}:/race`] })
  const name = x === 'directory' ? 'x' : x
  const links = targets.map((target, at) => ({ name: `l${at}`, type: '2', link: target }))
  const tree = makeTar(
    { name: 'swap', content: swap, mode: 0o755 },
    x === 'directory'
      ? { name: `race/${name}/`, type: '5', mode: 0o755 }
      : { name: `race/${name}`, content: '', mode: 0o666 },
    ...links.map((link) => ({ ...link, name: `race/${link.name}` })),
  )
  await startSwap(daemon, id, {
    tree,
    path: `/race/${name}`,
    links: links.map((link) => `/race/${link.name}`),
  })
  return id
}
