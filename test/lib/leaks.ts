import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { patience } from './patience.ts'

/**
 * What a daemon marked `id` with all its files below `directory` has left behind: mounts, links,
 * cgroups, nft tables, processes. The kernel frees some of it late, so it is asked for five seconds.
 */
export async function findLeaks(id: string, directory: string): Promise<string[]> {
  let leaks: string[] = []
  for (let attempt = 0; attempt < 100 * patience; attempt++) {
    leaks = [
      ...mounts(directory),
      ...links(id),
      ...cgroups(id),
      ...tables(id),
      ...processes(directory),
    ]
    if (leaks.length === 0) break
    await delay(50)
  }
  return leaks
}

function mounts(directory: string): string[] {
  return lines('/proc/self/mountinfo')
    .filter((line) => line.includes(directory))
    .map((line) => `mount: ${line}`)
}

/** The bridge, and whatever is plugged into it. */
function links(id: string): string[] {
  return spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(` ${id}`) || line.includes(`master ${id}`))
    .map((line) => `link: ${line}`)
}

function cgroups(id: string): string[] {
  const base = '/sys/fs/cgroup'
  const hierarchies = existsSync(join(base, 'cgroup.controllers'))
    ? ['.']
    : readdirSync(base, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
  return hierarchies
    .map((name) => join(base, name, id))
    .filter((path) => existsSync(path))
    .map((path) => `cgroup: ${path}`)
}

function tables(id: string): string[] {
  return spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(id))
    .map((line) => `nft: ${line}`)
}

/** Processes that name the directory, or hold files in it. */
function processes(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandLine(pid).includes(directory) || holdsFile(pid, directory))
    .map((pid) => `process ${pid}: ${commandLine(pid)}`)
}

function commandLine(pid: string): string {
  return lines(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ')
}

function holdsFile(pid: string, directory: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${directory}/`)
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
