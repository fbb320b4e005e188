import { Readable } from 'node:stream'
import { authFor } from '../../client/credentials.ts'
import { encodeHeader, padding } from '../../archive/tar-header.ts'
import type { Cli } from '../cli.ts'
import { putArchive } from './archive-api.ts'
import type { CreateRequest } from './request.ts'

const directory = '/run/secrets/docker'

/**
 * `--use-api-socket`: the daemon's socket is mounted into the container. Answers what is to be done
 * once it is made: the user's credentials are put beside, unless it has a configuration of its own.
 */
export async function useApiSocket(
  cli: Cli,
  { config, hostConfig }: CreateRequest,
): Promise<(id: string) => Promise<void>> {
  const { host } = cli.client
  if (!host.startsWith('unix://')) {
    throw new Error(
      `flag --use-api-socket can only be used with unix sockets: docker endpoint ${host} incompatible`,
    )
  }
  ;(hostConfig.Mounts ??= []).push({
    Type: 'bind',
    Source: host.slice('unix://'.length),
    Target: '/var/run/docker.sock',
    BindOptions: {},
  })
  const configured = config.Env?.some((pair) => pair.startsWith('DOCKER_CONFIG='))
  const auths = configured ? {} : await credentials(cli)
  if (Object.keys(auths).length === 0) return async () => {}
  ;(config.Env ??= []).push(`DOCKER_CONFIG=${directory}`)
  return (id) => putConfig(cli, id, JSON.stringify({ auths }, undefined, '\t'))
}

/** Of the registries the user is signed in to; helpers are asked, the container has none. */
async function credentials(cli: Cli): Promise<Record<string, object>> {
  const { data } = cli.config
  const registries = new Set([
    ...Object.keys(data.auths ?? {}),
    ...Object.keys(data.credHelpers ?? {}),
  ])
  const auths: Record<string, object> = {}
  for (const registry of registries) {
    const auth = await authFor(data, registry)
    if (!auth) continue
    const { username = '', password = '', identitytoken } = auth
    const plain = Buffer.from(`${username}:${password}`).toString('base64')
    auths[registry] = { auth: plain, ...(identitytoken ? { identitytoken } : {}) }
  }
  return auths
}

/** Readable by root alone; the directories come with it. */
async function putConfig(cli: Cli, id: string, text: string): Promise<void> {
  const body = Buffer.from(text)
  const header = encodeHeader({
    name: `${directory}/config.json`.slice(1),
    type: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: Date.now() / 1000,
    linkName: '',
    major: 0,
    minor: 0,
  })
  const tar = Buffer.concat([header, body, Buffer.alloc(padding(body.length) + 1024)])
  try {
    await putArchive(cli, id, '/', Readable.from([tar], { objectMode: false }), false)
  } catch (error) {
    throw new Error(
      `injecting docker config.json into container failed: ${(error as Error).message}`,
    )
  }
}
