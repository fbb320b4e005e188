import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Claims `path` for this process; answers what gives it back. Throws when the process named in it
 * lives and is a daemon of ours: a pid alone may belong to anybody after a reboot.
 */
export function claimPidfile(path: string): Disposable {
  const pid = readPid(path)
  if (pid !== undefined && pid !== process.pid && isDaemon(pid)) {
    throw new Error(
      `ensure tdockerd is not running or delete ${path}: process with PID ${pid} is still running`,
    )
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  writeFileSync(path, String(process.pid), { mode: 0o644 })
  return {
    [Symbol.dispose]: () => {
      if (readPid(path) === process.pid) rmSync(path, { force: true })
    },
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function isDaemon(pid: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return /tdockerd|daemon\/main\.[jt]s/.test(command)
  } catch {
    return false
  }
}
