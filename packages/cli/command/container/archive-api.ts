import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { ApiError } from '../../client/errors.ts'
import type { Cli } from '../cli.ts'
import { containerPath } from './lifecycle.ts'

/** What `X-Docker-Container-Path-Stat` tells of a path in a container; `mode` is Go's FileMode. */
export interface RemoteStat {
  readonly name: string
  readonly size: number
  readonly mode: number
  readonly mtime: string
  readonly linkTarget: string
}

const goDirectory = 2 ** 31
const goLink = 2 ** 27
const goDevice = 2 ** 26
const goIrregular = 2 ** 19

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1

export const isDirectoryMode = (mode: number): boolean => has(mode, goDirectory)
export const isLinkMode = (mode: number): boolean => has(mode, goLink)

export function refuseDevice(mode: number, container: string, path: string): void {
  const fail = (reason: string): Error =>
    new Error(`destination "${container}:${path}" must be a directory or a regular file: ${reason}`)
  if (has(mode, goDevice)) throw fail('got a device')
  if (has(mode, goIrregular)) throw fail('got an irregular file')
}

/** Undefined where the daemon refuses: then a copy finds out by itself whether it can be done. */
export async function statPath(
  cli: Cli,
  container: string,
  path: string,
): Promise<RemoteStat | undefined> {
  try {
    const query = { path }
    const url = `${containerPath(container)}/archive`
    const response = await cli.client.request('HEAD', url, { query })
    response.resume()
    return statOf(response)
  } catch (error) {
    if (error instanceof ApiError) return undefined
    throw error
  }
}

export async function getArchive(
  cli: Cli,
  container: string,
  path: string,
): Promise<{ stat: RemoteStat; content: IncomingMessage }> {
  const query = { path }
  const content = await cli.client.request('GET', `${containerPath(container)}/archive`, { query })
  return { stat: statOf(content), content }
}

function statOf(response: IncomingMessage): RemoteStat {
  const header = String(response.headers['x-docker-container-path-stat'] ?? '')
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString()) as RemoteStat
  } catch (error) {
    const { message } = error as Error
    throw new Error(
      `unable to get resource stat from response: unable to decode container path stat header: ${message}`,
    )
  }
}

export async function putArchive(
  cli: Cli,
  container: string,
  path: string,
  stream: Readable,
  copyUidGid: boolean,
): Promise<void> {
  await cli.client.run('PUT', `${containerPath(container)}/archive`, {
    query: { path, noOverwriteDirNonDir: 'true', copyUIDGID: copyUidGid ? 'true' : undefined },
    stream,
  })
}
