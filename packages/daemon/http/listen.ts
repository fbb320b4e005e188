/** Sockets the API is reachable on. */
import { chmodSync, chownSync, lstatSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { Host } from '../config/hosts.ts'
import type { Api, TlsOptions } from './server.ts'

export interface ListenOptions {
  hosts: readonly Host[]
  tls: TlsOptions | undefined
  /** Plain TCP was asked for with `--tls=false`. */
  plainTcp: boolean
  group: string
  /** The group was named by the user: it has to exist. */
  groupGiven: boolean
  warn(message: string): void
}

export interface Listeners {
  /** Where the API is, as `-H` would say it. */
  addresses: string[]
  /** Accepts no more; connections that are there go on. Removes socket files. */
  stop(): void
  /** Cuts what is left. */
  close(): Promise<void>
}

/** Throws with the reason, and nothing listening, when one of the hosts cannot be had. */
export async function listen(api: Api, o: ListenOptions): Promise<Listeners> {
  const opened: Opened[] = []
  try {
    for (const host of o.hosts) opened.push(...(await open(api, host, o)))
  } catch (error) {
    for (const socket of opened) socket.stop()
    throw error
  }
  const stop = (): void => {
    for (const socket of opened) socket.stop()
  }
  return {
    addresses: opened.map((socket) => socket.address),
    stop,
    close: async () => {
      stop()
      await Promise.all(opened.map(({ server }) => closed(server)))
    },
  }
}

interface Opened {
  server: Server
  address: string
  stop(): void
}

async function open(api: Api, host: Host, o: ListenOptions): Promise<Opened[]> {
  if (host.kind === 'unix') return [await openUnix(api, host.path, o)]
  if (host.kind === 'tcp') return [await openTcp(api, host, o)]
  return Promise.all(passedDescriptors(host.which).map((fd) => openDescriptor(api, fd, o)))
}

/** 0660 and the group's from the first moment on: until chown it is root's alone. */
async function openUnix(api: Api, path: string, o: ListenOptions): Promise<Opened> {
  const gid = groupId(path, o)
  await removeStale(path)
  const server = api.server()
  const umask = process.umask(0o177)
  try {
    // bind(2) happens within the call.
    server.listen(path)
  } finally {
    process.umask(umask)
  }
  await once(server, 'listening')
  chownSync(path, 0, gid)
  chmodSync(path, 0o660)
  const made = lstatSync(path).ino
  return {
    server,
    address: `unix://${path}`,
    stop: () => {
      server.close()
      // Node unlinks the path itself on close; never one that another daemon has put there.
      if (inodeOf(path) === made) rmSync(path, { force: true })
    },
  }
}

/** A socket file whose daemon is gone is removed; a living one, or another kind of file, is not. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw new Error(`can't create unix socket ${path}: a file is in the way`)
  const socket = connect(path)
  try {
    await once(socket, 'connect')
  } catch {
    rmSync(path, { force: true })
    return
  } finally {
    socket.destroy()
  }
  throw new Error(`can't create unix socket ${path}: address already in use`)
}

async function openTcp(
  api: Api,
  host: { address: string; port: number },
  o: ListenOptions,
): Promise<Opened> {
  const address = `tcp://${host.address.includes(':') ? `[${host.address}]` : host.address}:${host.port}`
  refusePlain(address, o)
  const server = api.server(o.tls)
  server.listen({ host: host.address, port: host.port })
  await once(server, 'listening')
  return { server, address, stop: () => void server.close() }
}

/** Whoever reaches the port of a plain or unverified server is root on this machine. */
function refusePlain(address: string, o: ListenOptions): void {
  if (!o.tls && !o.plainTcp) {
    throw new Error(
      `${address}: refusing to serve TCP without TLS; give --tlsverify with --tlscacert, --tlscert and --tlskey, or say --tls=false`,
    )
  }
  if (o.tls?.ca) return
  o.warn(
    `Binding to IP address without --tlsverify is insecure and gives root access on this machine to everyone who has access to your network. host=${address}`,
  )
}

/** A socket of the service manager's. */
async function openDescriptor(api: Api, fd: number, o: ListenOptions): Promise<Opened> {
  const unix = isUnixSocket(fd)
  if (!unix) refusePlain(`fd://${fd}`, o)
  const server = api.server(unix ? undefined : o.tls)
  server.listen({ fd })
  await once(server, 'listening')
  return { server, address: `fd://${fd}`, stop: () => void server.close() }
}

const firstPassed = 3

/** sd_listen_fds(3). */
function passedDescriptors(which: number | '*'): number[] {
  const count = Number(process.env['LISTEN_FDS'] ?? 0)
  const ours = process.env['LISTEN_PID'] === String(process.pid)
  const all = ours ? Array.from({ length: count }, (_, index) => firstPassed + index) : []
  if (all.length === 0) {
    throw new Error(
      'no sockets found via socket activation: make sure the service was started by systemd',
    )
  }
  if (which === '*') return all
  if (!all.includes(which)) throw new Error(`no socket with descriptor ${which} was passed`)
  return [which]
}

function isUnixSocket(fd: number): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  if (!inode) throw new Error(`descriptor ${fd} is not a socket`)
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some((line) => line.split(/\s+/)[6] === inode)
}

function groupId(path: string, o: ListenOptions): number {
  const gid = findGroup(o.group)
  if (gid !== undefined) return gid
  if (o.groupGiven) throw new Error(`group ${o.group} not found`)
  o.warn(`could not change group of ${path} to ${o.group}: group ${o.group} not found`)
  return process.getgid?.() ?? 0
}

/** By name, else by number. */
function findGroup(group: string): number | undefined {
  const lines = readFileSync('/etc/group', 'utf8').split('\n')
  const line = lines.find((l) => l.startsWith(`${group}:`))
  if (line) return Number(line.split(':')[2])
  return /^\d+$/.test(group) ? Number(group) : undefined
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino
}

async function closed(server: Server): Promise<void> {
  const done = server.listening ? once(server, 'close') : undefined
  server.closeAllConnections()
  await done
}
