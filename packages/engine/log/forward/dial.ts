import net from 'node:net'
import tls from 'node:tls'

const DIAL_TIMEOUT_MS = 10_000

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ENOENT: 'connect: no such file or directory',
  EACCES: 'connect: permission denied',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  EPROTOTYPE: 'connect: protocol wrong type for socket',
}

/** A failed connection in the words of Go's net package. */
export function dialError(error: unknown, network: string, address: string): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Error(`dial ${network}: lookup ${address.replace(/:\d+$/, '')}: no such host`, {
      cause: error,
    })
  const known = code === undefined ? undefined : REASONS[code]
  if (known === undefined) return new Error(message, { cause: error })
  return new Error(`dial ${network} ${address}: ${known}`, { cause: error })
}

/** Resolves once connected (with TLS: and verified). */
export function dial(
  target: { path: string } | { host: string; port: number; tls?: tls.ConnectionOptions },
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const secure = 'tls' in target && target.tls !== undefined
    const { host, port } = 'host' in target ? target : { host: '', port: 0 }
    const socket = secure
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...target.tls })
      : net.connect('path' in target ? { path: target.path } : { host, port })
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' }))
    }, DIAL_TIMEOUT_MS)
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}
