import { lookup } from 'node:dns/promises'
import { isIP, isIPv4 } from 'node:net'
import { EngineError, system } from '../base/errors.ts'

export interface MountWish {
  device: string
  type: string
  /** The option `o`, with names in it looked up. */
  options: string
}

type Resolve = (name: string) => Promise<string>

/**
 * What a volume's driver options ask to be mounted. The kernel looks no names up: those of servers
 * of nfs and cifs become addresses, as in moby (daemon/volume/local: getMountOptions).
 */
export async function mountWish(
  options: Readonly<Record<string, string>>,
  resolve: Resolve = resolveName,
): Promise<MountWish> {
  const { type = '', o = '', device = '' } = options
  if (device === '') throw system('missing device in volume options')
  const wish = { device, type, options: o }
  if (type !== 'nfs' && type !== 'cifs') return wish
  const address = optionOf(o, 'addr')
  if (address !== '' && !isIPv4(address)) {
    const found = await lookUp(address, resolve)
    return { ...wish, options: o.replace(`addr=${address}`, () => `addr=${found}`) }
  }
  return type === 'cifs' ? { ...wish, device: await shareOf(device, resolve) } : wish
}

/** `//server/share` with the server's address. */
async function shareOf(device: string, resolve: Resolve): Promise<string> {
  const match = /^((?:[a-z][a-z0-9+.-]*:)?\/\/)([^/?#]*)(.*)$/i.exec(device)
  const [, start = '', host = '', rest = ''] = match ?? []
  if (host === '' || isIP(host) !== 0) return device
  return `${start}${await lookUp(host, resolve)}${rest}`
}

async function lookUp(name: string, resolve: Resolve): Promise<string> {
  try {
    return await resolve(name)
  } catch (error) {
    throw system(`error resolving passed in network volume address: ${(error as Error).message}`)
  }
}

async function resolveName(name: string): Promise<string> {
  try {
    return (await lookup(name)).address
  } catch {
    throw system(`lookup ${name}: no such host`)
  }
}

/** `addr=x` of a list of options. */
export function optionOf(options: string, key: string): string {
  const start = `${key}=`
  return (
    options
      .split(',')
      .find((word) => word.startsWith(start))
      ?.slice(start.length) ?? ''
  )
}

/** Nobody reads a share's password in an error. */
export function withoutPassword(error: EngineError, options: string): EngineError {
  const password = optionOf(options, 'password')
  if (password === '') return error
  return new EngineError(
    error.kind,
    error.message.replace(`password=${password}`, 'password=********'),
  )
}
