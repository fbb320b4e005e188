/** `registry-mirrors`: moby's URLs, which mirror Docker Hub, and our `HOST=URL` for any registry. */
import { invalidParameter } from '../base/errors.ts'

export interface Mirror {
  /** What it mirrors, as references name it. */
  host: string
  /** Ends with one slash. */
  url: string
}

export const HUB = 'docker.io'
const HUB_NAMES: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io'])
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[A-Fa-f0-9:]+\])(?::\d+)?$/

/** Throws invalidParameter with moby's sentences. */
export function parseMirror(entry: string): Mirror {
  const at = entry.indexOf('=')
  const host = entry.slice(0, Math.max(at, 0))
  // A URL may hold `=` in its path; what stands before it then is no host.
  if (at === -1 || host.includes('/')) return { host: HUB, url: validateMirror(entry) }
  if (!HOST.test(host)) throw invalidParameter(`invalid mirror: invalid host "${host}"`)
  const url = validateMirror(entry.slice(at + 1))
  return { host: HUB_NAMES.has(host) ? HUB : host, url }
}

/** The entry as it is kept and shown: Hub's as a bare URL. */
export function mirrorText({ host, url }: Mirror): string {
  return host === HUB ? url : `${host}=${url}`
}

/** Answers the mirror with one slash at its end. */
function validateMirror(mirror: string): string {
  if (!/^.+:\/\//.test(mirror)) {
    throw invalidParameter(
      `invalid mirror: no scheme specified for "${mirror}": must use either 'https://' or 'http://'`,
    )
  }
  let url: URL
  try {
    url = new URL(mirror)
  } catch (error) {
    throw invalidParameter(`invalid mirror: "${mirror}" is not a valid URI`, error)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalidParameter(
      `invalid mirror: unsupported scheme "${url.protocol.slice(0, -1)}" in "${mirror}": must use either 'https://' or 'http://'`,
    )
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalidParameter(`invalid mirror: query or fragment at end of the URI "${mirror}"`)
  }
  if (url.username !== '' || url.password !== '') {
    url.password = 'xxxxx'
    throw invalidParameter(`invalid mirror: username/password not allowed in URI "${url.href}"`)
  }
  return `${mirror.replace(/\/$/, '')}/`
}
