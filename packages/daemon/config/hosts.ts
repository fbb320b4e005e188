/** What `-H` may say. */
import { ConfigError } from './flags.ts'

export type Host =
  | { kind: 'unix'; path: string }
  | { kind: 'tcp'; address: string; port: number }
  /** Socket activation; a number picks one descriptor of those passed, `*` takes all. */
  | { kind: 'fd'; which: number | '*' }

export const defaultSocket = '/run/tdocker.sock'

/** Throws ConfigError with moby's sentence. */
export function parseHost(given: string, tls: boolean): Host {
  const text = given.trim()
  const split = text.indexOf('://')
  const proto = split < 0 ? 'tcp' : text.slice(0, split)
  const rest = split < 0 ? text : text.slice(split + 3)
  if (proto === 'unix') return { kind: 'unix', path: unixPath(rest, text) }
  if (proto === 'tcp') return tcp(rest, text, tls)
  if (proto === 'fd') return { kind: 'fd', which: fdOf(rest, text) }
  throw invalid(text, `unsupported proto '${proto}'`)
}

function unixPath(rest: string, text: string): string {
  if (rest.includes('://')) throw invalid(text, `invalid unix address: ${rest}`)
  const path = rest || defaultSocket
  // sun_path holds 108 bytes with its end; Node would cut a longer one silently.
  if (Buffer.byteLength(path) > 107) throw invalid(text, 'the socket path is too long')
  return path
}

function tcp(rest: string, text: string, tls: boolean): Host {
  if (rest.replace(/\/$/, '').includes('/'))
    throw invalid(text, 'should not contain a path element')
  const match = /^(\[[0-9a-fA-F:.%]*\]|[^:[\]]*)(?::(.*))?$/.exec(rest.replace(/\/$/, ''))
  if (!match) throw invalid(text, 'invalid host')
  const port = match[2] === undefined || match[2] === '' ? (tls ? 2376 : 2375) : Number(match[2])
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw invalid(text, `invalid port: ${match[2]}`)
  }
  return { kind: 'tcp', address: (match[1] ?? '').replace(/^\[|\]$/g, '') || 'localhost', port }
}

function fdOf(rest: string, text: string): number | '*' {
  if (rest === '' || rest === '*') return '*'
  if (/^\d+$/.test(rest) && Number(rest) >= 3) return Number(rest)
  throw invalid(text, 'a descriptor of at least 3 was expected')
}

function invalid(text: string, why: string): ConfigError {
  return new ConfigError(`invalid bind address (${text}): ${why}`)
}
