import { atLeast } from '../client/client.ts'
import type { FlagSet } from '../flag/flag-set.ts'
import type { Cli } from './cli.ts'

/** Refuses flags the user gave that this daemon cannot serve, in docker's sentences. */
export async function checkNeeds(cli: Cli, flags: FlagSet): Promise<void> {
  const given = [...flags.needs].filter(([name]) => flags.flags.get(name)?.changed)
  if (given.length === 0) return
  const { osType } = await cli.client.ping()
  const version = await cli.client.version()
  const refusals = given.flatMap(([name, { os, api }]) => [
    ...(os !== undefined && os !== osType
      ? [
          `"--${name}" is only supported on a Docker daemon running on ${os}, ` +
            `but the Docker daemon is running on ${osType}`,
        ]
      : []),
    ...(api !== undefined && !atLeast(version, api)
      ? [`"--${name}" requires API version ${api}, but the Docker daemon API version is ${version}`]
      : []),
  ])
  if (refusals.length > 0) throw new Error(refusals.join('\n'))
}
