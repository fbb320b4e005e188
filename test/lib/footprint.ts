/** What a daemon holds at this moment: rows, directories, mounts, cgroups, links and processes. */
import Database from 'better-sqlite3'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestDaemon, until } from './test-daemon.ts'

const TABLES = ['container', 'exec', 'endpoint', 'port', 'volume', 'volume_use', 'image_tag']

/** Empty lists for what there is none of; comparable by `settlesTo`. */
export function footprintOf(daemon: TestDaemon): Record<string, string[]> {
  return {
    ...rows(daemon),
    directories: ['containers', 'volumes', 'volumes/data', 'layers'].flatMap((name) =>
      entries(join(daemon.dataRoot, name)).map((entry) => `${name}/${entry}`),
    ),
    runs: entries(join(daemon.execRoot, 'c')),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(daemon.directory)),
    cgroups: cgroups(daemon.id),
    links: spawnSync('ip', ['-o', 'link', 'show', 'master', daemon.bridge], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line !== ''),
  }
}

/** Waits until nothing but `before` is held; some of it is freed after the answer. */
export async function settlesTo(
  before: Record<string, string[]>,
  daemon: TestDaemon,
): Promise<void> {
  const wanted = JSON.stringify(before)
  await until(
    'what a failed request made to go',
    () => JSON.stringify(footprintOf(daemon)) === wanted,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${wanted}\n${JSON.stringify(footprintOf(daemon))}`)
  })
}

function rows(daemon: TestDaemon): Record<string, string[]> {
  const database = new Database(join(daemon.dataRoot, 'state.db'), { readonly: true })
  try {
    return Object.fromEntries(
      TABLES.map((table) => [
        table,
        database
          .prepare(`SELECT * FROM ${table}`)
          .all()
          .map((row) => JSON.stringify(row)),
      ]),
    )
  } finally {
    database.close()
  }
}

function cgroups(id: string): string[] {
  const base = '/sys/fs/cgroup'
  const roots = existsSync(join(base, 'cgroup.controllers'))
    ? [base]
    : entries(base).map((name) => join(base, name))
  return roots.flatMap((root) => children(join(root, id)))
}

function children(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name))
}

function entries(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : []
}
