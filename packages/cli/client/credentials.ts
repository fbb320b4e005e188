import { execFile } from 'node:child_process'
import type { ConfigData, ConfigFile } from './config.ts'

/** What a registry is told, in the words of the API. */
export interface Auth {
  username?: string
  password?: string
  identitytoken?: string
  registrytoken?: string
  serveraddress?: string
}

/** Key of Docker Hub's credentials, as all of Docker's programs write it. */
export const hubKey = 'https://index.docker.io/v1/'

/** The key under which a registry's credentials are kept. */
export function registryKey(domain: string): string {
  return ['docker.io', 'index.docker.io', ''].includes(domain) ? hubKey : domain
}

/** `X-Registry-Auth`: base64url of JSON (RFC 4648 §5, padded). */
export function encodeAuth(auth: Auth): string {
  return Buffer.from(JSON.stringify(auth))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}

/** The user's credentials for the registry of an image, from a helper program or config.json. */
export async function authFor(config: ConfigData, domain: string): Promise<Auth | undefined> {
  const key = registryKey(domain)
  const given = fromEnvironment(key)
  if (given) return given
  const helper = helperFor(config, key)
  if (helper) return readHelper(helper, key)
  const entry = config.auths?.[key] ?? findByHost(config, key)
  if (!entry) return undefined
  return {
    ...decodePair(entry.auth ?? ''),
    ...(entry.identitytoken ? { identitytoken: entry.identitytoken } : {}),
    ...(entry.registrytoken ? { registrytoken: entry.registrytoken } : {}),
    serveraddress: key,
  }
}

/** `DOCKER_AUTH_CONFIG`, the `auths` of a config.json, comes before all stores. */
function fromEnvironment(key: string): Auth | undefined {
  const text = process.env['DOCKER_AUTH_CONFIG']
  if (!text) return undefined
  let auths: ConfigData['auths']
  try {
    auths = (JSON.parse(text) as ConfigData).auths
  } catch (error) {
    throw new Error(
      `Failed to create credential store from DOCKER_AUTH_CONFIG: ${(error as Error).message}`,
    )
  }
  const entry = auths?.[key] ?? findByHost({ auths: auths ?? {} }, key)
  return entry?.auth ? { ...decodePair(entry.auth), serveraddress: key } : undefined
}

/** Old files have `https://host/v1/` where newer ones have `host`. */
function findByHost(
  config: ConfigData,
  key: string,
): NonNullable<ConfigData['auths']>[string] | undefined {
  const host = hostOf(key)
  return Object.entries(config.auths ?? {}).find(([stored]) => hostOf(stored) === host)?.[1]
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').split('/', 1)[0] as string
}

function decodePair(auth: string): { username?: string; password?: string } {
  if (auth === '') return {}
  const text = Buffer.from(auth, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return {}
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

function helperFor(config: ConfigData, key: string): string | undefined {
  return (
    config.credHelpers?.[hostOf(key)] ??
    config.credHelpers?.[key] ??
    (config.credsStore || undefined)
  )
}

/** Whether a program keeps them, and not config.json. */
export function hasHelper(config: ConfigData, key: string): boolean {
  return helperFor(config, key) !== undefined
}

/** Keeps credentials: in the helper program where one is set, else in config.json. */
export async function storeAuth(config: ConfigFile, key: string, auth: Auth): Promise<void> {
  const helper = helperFor(config.data, key)
  const secret = auth.identitytoken
    ? { Username: '<token>', Secret: auth.identitytoken }
    : { Username: auth.username ?? '', Secret: auth.password ?? '' }
  if (helper) {
    await callHelper(helper, 'store', JSON.stringify({ ServerURL: key, ...secret }))
    ;(config.data.auths ??= {})[key] = {}
  } else {
    const pair = `${auth.username ?? ''}:${auth.identitytoken ? '' : (auth.password ?? '')}`
    ;(config.data.auths ??= {})[key] = {
      auth: Buffer.from(pair).toString('base64'),
      ...(auth.identitytoken ? { identitytoken: auth.identitytoken } : {}),
    }
  }
  config.save()
}

/** Forgets credentials. */
export async function eraseAuth(config: ConfigFile, key: string): Promise<void> {
  const helper = helperFor(config.data, key)
  if (helper) await callHelper(helper, 'erase', key)
  delete config.data.auths?.[key]
  config.save()
}

/** Whether there is anything to forget. */
export function isStored(config: ConfigData, key: string): boolean {
  return config.auths?.[key] !== undefined || helperFor(config, key) !== undefined
}

async function readHelper(helper: string, key: string): Promise<Auth | undefined> {
  let answer: { Username?: string; Secret?: string }
  try {
    answer = JSON.parse(await callHelper(helper, 'get', key)) as typeof answer
  } catch (error) {
    if ((error as Error).message.includes('credentials not found')) return undefined
    throw error
  }
  const { Username = '', Secret = '' } = answer
  return Username === '<token>'
    ? { identitytoken: Secret, serveraddress: key }
    : { username: Username, password: Secret, serveraddress: key }
}

/** Runs `docker-credential-<helper> <action>` with `input` on its stdin. */
function callHelper(helper: string, action: string, input: string): Promise<string> {
  const program = `docker-credential-${helper}`
  return new Promise((resolve, reject) => {
    const child = execFile(program, [action], (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const said = `${stdout}${stderr}`.trim() || error.message
      reject(
        new Error(
          `error getting credentials - err: ${error.message.split('\n')[0]}, out: \`${said}\``,
        ),
      )
    })
    // A program that is not there closes its stdin: the callback above tells.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
