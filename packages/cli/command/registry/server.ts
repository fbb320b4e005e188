import { hubKey } from '../../client/credentials.ts'

/** Key of a registry's credentials from what the user typed: scheme and path fall away. */
export function serverKey(server: string): string {
  if (['', 'docker.io', 'index.docker.io', hubKey].includes(server)) return hubKey
  return server.replace(/^https?:\/\//, '').split('/', 1)[0] as string
}
