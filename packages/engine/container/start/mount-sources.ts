import { mkdirSync, statSync } from 'node:fs'
import { getSystemErrorMessage } from 'node:util'
import { system } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import type { MountRecord } from '../create/mount-record.ts'
import type { ResolvedMount } from '../plan/plan-input.ts'

/** The mounts of a start: binds are looked at now, as the host may have changed since create. */
export function resolveMounts(c: Container): ResolvedMount[] {
  return c.detail.mounts.map(resolve)
}

function resolve(record: MountRecord): ResolvedMount {
  const common = {
    type: record.type,
    target: record.destination,
    readonly: !record.readWrite,
    recursive: record.recursive,
    recursiveReadonly: record.recursiveReadonly,
    propagation: record.propagation,
  }
  switch (record.type) {
    case 'tmpfs':
      return { ...common, directory: true, ...(record.tmpfs ? { tmpfs: tmpfs(record.tmpfs) } : {}) }
    case 'volume':
      return { ...common, directory: true, source: { path: record.source } }
    case 'bind':
      return {
        ...common,
        directory: bindIsDirectory(record),
        source: { path: record.source },
      }
  }
}

/** `-v` makes a missing source a directory; `--mount` does not. */
function bindIsDirectory(record: MountRecord): boolean {
  const found = statSync(record.source, { throwIfNoEntry: false })
  if (found) return found.isDirectory()
  if (!record.createSource)
    throw system(
      `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting ${JSON.stringify(record.source)} to rootfs at ${JSON.stringify(record.destination)}: stat ${record.source}: no such file or directory`,
    )
  try {
    mkdirSync(record.source, { recursive: true, mode: 0o755 })
  } catch (error) {
    throw system(
      `error while creating mount source path '${record.source}': mkdir ${record.source}: ${reasonOf(error)}`,
      error,
    )
  }
  return true
}

function tmpfs(options: NonNullable<MountRecord['tmpfs']>): NonNullable<ResolvedMount['tmpfs']> {
  return {
    ...(options.SizeBytes ? { sizeBytes: options.SizeBytes } : {}),
    ...(options.Mode ? { mode: options.Mode } : {}),
    ...(options.Options ? { options: options.Options } : {}),
  }
}

/** `not a directory`, without Node's code and call around it. */
function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return errno === undefined ? message : getSystemErrorMessage(errno)
}
