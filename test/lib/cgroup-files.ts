/** Where the kernel tells about a container's group, on v1, hybrid and v2. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestDaemon } from './test-daemon.ts'

const mount = '/sys/fs/cgroup'

export const isV2: boolean = existsSync(join(mount, 'cgroup.controllers'))

/** The directory of a container's group; `controller` counts on v1 only. */
export function groupOf(daemon: TestDaemon, id: string, controller: string): string {
  return join(mount, isV2 ? '' : controller, daemon.id, id)
}

/** A file of the group, without its last newline: `limit(d, id, 'memory', 'memory.limit_in_bytes')`. */
export function readGroup(
  daemon: TestDaemon,
  id: string,
  controller: string,
  file: string,
): string {
  return readFileSync(join(groupOf(daemon, id, controller), file), 'utf8').trim()
}

export function writeGroup(
  daemon: TestDaemon,
  id: string,
  controller: string,
  file: string,
  value: string,
): void {
  writeFileSync(join(groupOf(daemon, id, controller), file), value)
}

/** Whether the kernel says that every process of the container is frozen. */
export function isFrozen(daemon: TestDaemon, id: string): boolean {
  const unified = join(groupOf(daemon, id, 'unified'), 'cgroup.events')
  if (existsSync(unified)) return /^frozen 1$/m.test(readFileSync(unified, 'utf8'))
  return readGroup(daemon, id, 'freezer', 'freezer.state') === 'FROZEN'
}
