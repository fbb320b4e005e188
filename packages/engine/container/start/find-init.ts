import { existsSync } from 'node:fs'
import { system } from '../../base/errors.ts'

/** Where Docker's and Debian's packages put it. It runs inside the container, so it is static. */
const PLACES = [
  '/usr/libexec/docker/docker-init',
  '/usr/local/libexec/docker/docker-init',
  '/usr/bin/docker-init',
  '/usr/local/bin/docker-init',
  '/usr/bin/tini-static',
]

/** Host path of the init for `--init`: the daemon's `init-path`, else the first that is there. */
export function findInit(
  configured: string | undefined,
  exists: (path: string) => boolean = existsSync,
): string {
  const found = configured ?? PLACES.find(exists)
  if (found === undefined)
    throw system(
      'exec: "docker-init": executable file not found in $PATH: --init needs the package tini',
    )
  return found
}
