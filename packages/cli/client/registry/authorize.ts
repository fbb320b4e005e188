/** Answers registries' challenges with the user's credentials: basic, or a bearer token for a scope. */
import type { Auth } from '../credentials.ts'
import { parseChallenges } from './challenge.ts'
import type { Challenge } from './challenge.ts'
import { send } from './http.ts'
import type { RegistryResponse } from './http.ts'
import { registryError } from './error.ts'

/** The header that answers a 401; undefined where there is nothing to answer with. */
export async function authorize(
  response: RegistryResponse,
  o: { auth: Auth; scopes: readonly string[]; insecure: boolean },
): Promise<string | undefined> {
  if (o.auth.registrytoken) return `Bearer ${o.auth.registrytoken}`
  const challenges = parseChallenges(response.headers['www-authenticate'] ?? '')
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer) return `Bearer ${await fetchToken(bearer, response.url, o)}`
  if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined
  const header = basic(o.auth)
  if (header === undefined) throw new Error('no basic auth credentials')
  return header
}

function basic({ username, password }: Auth): string | undefined {
  if (!username || !password) return undefined
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function fetchToken(
  { parameters }: Challenge,
  registry: URL,
  o: { auth: Auth; scopes: readonly string[]; insecure: boolean },
): Promise<string> {
  const realm = URL.parse(parameters['realm'] ?? '')
  const isDowngrade = registry.protocol === 'https:' && realm?.protocol === 'http:'
  if (!realm || !/^https?:$/.test(realm.protocol) || isDowngrade) {
    throw new Error(`invalid token auth challenge realm: ${parameters['realm'] ?? ''}`)
  }
  const service = parameters['service'] ?? ''
  const answer = o.auth.identitytoken
    ? await postToken(realm, { ...o, service, token: o.auth.identitytoken })
    : await getToken(realm, { ...o, service })
  if (answer.status !== 200) throw registryError(answer)
  const { token, access_token } = JSON.parse(answer.body.toString()) as {
    token?: string
    access_token?: string
  }
  const found = access_token || token
  if (!found) throw new Error('authorization server did not include a token in the response')
  return found
}

function getToken(
  realm: URL,
  o: { auth: Auth; scopes: readonly string[]; insecure: boolean; service: string },
): Promise<RegistryResponse> {
  const url = new URL(realm)
  const header = basic(o.auth)
  if (header !== undefined) url.searchParams.append('account', o.auth.username ?? '')
  for (const scope of o.scopes) url.searchParams.append('scope', scope)
  if (o.service) url.searchParams.append('service', o.service)
  const headers = header === undefined ? {} : { authorization: header }
  return send({ method: 'GET', url, headers, insecure: o.insecure })
}

/** An identity token is traded for a short one (OAuth2, RFC 6749 section 6). */
function postToken(
  url: URL,
  o: { scopes: readonly string[]; insecure: boolean; service: string; token: string },
): Promise<RegistryResponse> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: o.token,
    client_id: 'docker',
    service: o.service,
    scope: o.scopes.join(' '),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return send({ method: 'POST', url, headers, body: form.toString(), insecure: o.insecure })
}
