import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Protocol } from './port-request.ts'

/** /proc/net/tcp (proc_pid_net(5)): local address is the second field, the inode the tenth. */
const LOCAL = 1
const INODE = 9

/**
 * Which program of the host holds a port, as ` (nginx, pid 12)`; empty where that cannot be told.
 * Slow: looks through all processes.
 */
export async function programAt(protocol: Protocol, port: number): Promise<string> {
  try {
    const sockets = await socketsAt(protocol, port)
    return sockets.size === 0 ? '' : await programWith(sockets)
  } catch {
    return ''
  }
}

/** As descriptors' links name them. */
async function socketsAt(protocol: Protocol, port: number): Promise<Set<string>> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const sockets = new Set<string>()
  for (const family of ['', '6']) {
    const text = await readFile(`/proc/net/${protocol}${family}`, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      if (fields[LOCAL]?.endsWith(wanted)) sockets.add(`socket:[${fields[INODE]}]`)
    }
  }
  return sockets
}

async function programWith(sockets: ReadonlySet<string>): Promise<string> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || !(await holds(pid, sockets))) continue
    const name = await readFile(`/proc/${pid}/comm`, 'utf8')
    return ` (${name.replace(/[^\x20-\x7e]/g, '')}, pid ${pid})`
  }
  return ''
}

/** Processes come and go meanwhile. */
async function holds(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const fd of fds) {
    const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
    if (sockets.has(link)) return true
  }
  return false
}
