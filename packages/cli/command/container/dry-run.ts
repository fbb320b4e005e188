import type { ContainerDryRun } from '@tdocker/api'
import { ApiError } from '../../client/errors.ts'
import { dryRunPage } from '../../format/dry-run.ts'
import type { Cli } from '../cli.ts'
import { programName } from '../program.ts'
import { createInput } from './creation.ts'
import type { ContainerFlags } from './options.ts'
import type { CreateRequest } from './request.ts'

/** Asks what the request would make. Only our daemon knows; others have no such page. */
export async function dryRun(
  cli: Cli,
  flags: ContainerFlags,
  request: CreateRequest,
): Promise<void> {
  const plan = await ask(cli, flags, request)
  for (const warning of plan.Warnings) cli.printError(`WARNING: ${warning}\n`)
  cli.print(dryRunPage(plan))
}

async function ask(
  cli: Cli,
  flags: ContainerFlags,
  request: CreateRequest,
): Promise<ContainerDryRun> {
  try {
    const input = createInput(flags, request)
    return await cli.client.call<ContainerDryRun>('POST', '/containers/dry-run', input)
  } catch (error) {
    if (error instanceof ApiError && /page not found/.test(error.message)) {
      throw new Error(`--dry-run is only supported on a ${programName} daemon`)
    }
    throw error
  }
}
