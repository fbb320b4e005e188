import { refuse } from './wire.ts'
import type { Fault } from './own-registry.ts'

/** Asks for a bearer token of `realm` on every request that does not carry `token`. */
export function demandToken(o: { realm: string; token: () => string; scope?: string }): Fault {
  return (request, response) => {
    if (request.headers.authorization === `Bearer ${o.token()}`) return false
    const scope = o.scope === undefined ? '' : `,scope="${o.scope}"`
    refuse(response, 401, 'UNAUTHORIZED', {
      message: 'authentication required',
      headers: {
        'www-authenticate': `Bearer realm="${o.realm}",service="registry.test"${scope}`,
      },
    })
    return true
  }
}
