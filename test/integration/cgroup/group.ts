import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import type { TestContext } from 'node:test'

import { createCgroupDriver } from '@tdocker/kernel/cgroup/create-driver.ts'
import type { CgroupDriver, CgroupSpec } from '@tdocker/kernel/cgroup/driver.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'

import { patience } from '../../lib/patience.ts'

const parent = `/tdocker-test-cgroup-${process.pid}`
let count = 0

export interface Fixture {
  driver: CgroupDriver
  parent: string
  path: string
  /** Runs a shell script as a member of the group. */
  run: (script: string) => Member
}

export interface Member {
  child: ChildProcess
  /** Exit code, signal and what was printed, once it has ended. */
  done: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>
}

/** A driver and one group of the test's own; all of it is gone afterwards. */
export async function makeGroup(
  t: TestContext,
  spec: Partial<Omit<CgroupSpec, 'path'>> = {},
): Promise<Fixture> {
  const driver = createCgroupDriver({ native: loadNative(), parent })
  const path = `${parent}/${count++}`
  await driver.create({ path, resources: {}, devices: [], ...spec })
  t.after(async () => {
    await driver.kill(path).catch(() => undefined)
    await driver.remove(path)
    driver.close()
  })
  return { driver, parent, path, run: (script) => runIn(driver.procsFiles(path), script) }
}

function runIn(procsFiles: readonly string[], script: string): Member {
  const join = 'for file in "$@"; do echo $$ > "$file" || exit 99; done\n'
  const child = spawn('/bin/sh', ['-c', join + script, 'sh', ...procsFiles], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const done = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    output,
  }))
  return { child, done }
}

/** Content of a file of the group, in the hierarchy that has it. */
export function readLimit(driver: CgroupDriver, path: string, file: string): string {
  const directories = driver.procsFiles(path).map((procs) => procs.replace(/\/cgroup.procs$/, ''))
  const found = directories.find((directory) => existsSync(`${directory}/${file}`))
  if (found === undefined) throw new Error(`no ${file} below ${path}`)
  return readFileSync(`${found}/${file}`, 'utf8').trim()
}

/** Directories of groups with this path that still exist, in any hierarchy. */
export function remains(path: string): string[] {
  const roots = ['/sys/fs/cgroup']
  for (const name of readdirSync('/sys/fs/cgroup')) roots.push(`/sys/fs/cgroup/${name}`)
  return roots.map((root) => root + path).filter((directory) => existsSync(directory))
}

/** Waits for a condition that no event tells of. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000 * patience
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('did not come true in time')
    await new Promise((resolve) => setTimeout(resolve, 5 * patience))
  }
}
