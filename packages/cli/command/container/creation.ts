import { existsSync, openSync, closeSync, rmSync, writeSync } from 'node:fs'
import type { ContainerCreateResponse } from '@tdocker/api'
import type { RequestInput } from '../../client/client.ts'
import { ApiError } from '../../client/errors.ts'
import { proxyEnvironment } from '../../client/config.ts'
import { goPathError } from '../../flag/spec/environment.ts'
import { terminalSize } from '../../terminal/tty.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import { programName } from '../program.ts'
import { familiarName, parseReference } from '../../format/reference.ts'
import type { ContainerFlags } from './options.ts'
import { createRequest, environmentOf } from './request.ts'
import type { CreateRequest } from './request.ts'

/** Errors of `run` and `create`: the daemon's text, a hint, and the exit code that fits. */
export function statusOf(error: unknown, verb: string): StatusError {
  if (error instanceof StatusError) return error
  const { message } = error as Error
  return new StatusError(
    exitCodeOf(message),
    `${programName}: ${message}\n\nRun '${programName} ${verb} --help' for more information`,
  )
}

/** 127: there is no such program; 126: it may not be run; 125: the engine's own failure. */
function exitCodeOf(message: string): number {
  if (
    /executable file not found|no such file or directory|system cannot find the file specified/.test(
      message,
    )
  ) {
    return 127
  }
  return /permission denied|is a directory/.test(message) ? 126 : 125
}

/** Makes the request of flags and arguments. Refusals end with 125 and a hint. */
export function requestOf(
  cli: Cli,
  flags: ContainerFlags,
  args: readonly string[],
  verb: string,
): CreateRequest {
  const [image = '', ...command] = args
  try {
    const { process, creation } = flags
    if (!['always', 'missing', 'never', ''].includes(creation.pull.value)) {
      throw new Error(
        `invalid pull option: '${creation.pull.value}': must be one of "always", "missing" or "never"`,
      )
    }
    const given = proxyEnvironment(cli.config.data, cli.client.host, process.env.value)
    return createRequest(
      flags,
      image,
      command,
      environmentOf(process.envFile.value, given, cli.env),
    )
  } catch (error) {
    const { message } = error as Error
    throw new StatusError(
      125,
      `${programName}: ${message}\n\nRun '${programName} ${verb} --help' for more information`,
    )
  }
}

/** Creates the container, pulling its image where the policy says so. Answers the ID. */
export async function createContainer(
  cli: Cli,
  flags: ContainerFlags,
  request: CreateRequest,
): Promise<string> {
  const { pull } = flags.creation
  checkImageName(request.config.Image ?? '')
  const finish = flags.creation.useApiSocket.value ? await shareSocket(cli, request) : undefined
  const cidfile = openCidFile(flags.metadata.cidfile.value)
  try {
    if (pull.value === 'always') await pullFor(cli, flags, request)
    const { height, width } = terminalSize(cli.stdout)
    request.hostConfig.ConsoleSize = [height, width]
    const created = await createOrPull(cli, flags, request)
    for (const warning of created.Warnings ?? []) cli.printError(`WARNING: ${warning}\n`)
    cidfile?.write(created.Id)
    await finish?.(created.Id)
    return created.Id
  } finally {
    cidfile?.close()
  }
}

async function shareSocket(
  cli: Cli,
  request: CreateRequest,
): Promise<(id: string) => Promise<void>> {
  const { useApiSocket } = await import('./api-socket.ts')
  return useApiSocket(cli, request)
}

async function createOrPull(
  cli: Cli,
  flags: ContainerFlags,
  request: CreateRequest,
): Promise<ContainerCreateResponse> {
  try {
    return await postCreate(cli, flags, request)
  } catch (error) {
    const missing = error instanceof ApiError && error.isNotFound
    if (!missing || flags.creation.pull.value !== 'missing' || isId(request.config.Image ?? '')) {
      throw error
    }
  }
  if (!flags.creation.quiet.value) {
    const name = familiarName(request.config.Image ?? '', { defaultTag: true })
    cli.printError(`Unable to find image '${name}' locally\n`)
  }
  await pullFor(cli, flags, request)
  return postCreate(cli, flags, request)
}

/** Refuses what can be neither a name nor an ID, before anything is made. */
function checkImageName(image: string): void {
  if (!isId(image)) parseReference(image)
}

/** A digest or ID cannot be pulled. */
function isId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(image)
}

function postCreate(
  cli: Cli,
  flags: ContainerFlags,
  request: CreateRequest,
): Promise<ContainerCreateResponse> {
  const input = createInput(flags, request)
  return cli.client.call<ContainerCreateResponse>('POST', '/containers/create', input)
}

/** Query and body of a create request. */
export function createInput(
  flags: ContainerFlags,
  { config, hostConfig, networkingConfig }: CreateRequest,
): RequestInput {
  const { name, platform } = flags.creation
  return {
    query: { name: name.value || undefined, platform: platform.value || undefined },
    body: { ...config, HostConfig: hostConfig, NetworkingConfig: networkingConfig },
  }
}

async function pullFor(cli: Cli, flags: ContainerFlags, request: CreateRequest): Promise<void> {
  const { pullImage } = await import('../image/pull-image.ts')
  const { platform, quiet } = flags.creation
  await pullImage(cli, request.config.Image ?? '', {
    platform: platform.value,
    quiet: quiet.value,
    // stdout carries the container's output, or its ID.
    out: cli.stderr,
  })
}

interface CidFile {
  write(id: string): void
  close(): void
}

/** `--cidfile`: must not exist; is removed again where no container came about. */
function openCidFile(path: string): CidFile | undefined {
  if (path === '') return undefined
  if (existsSync(path)) {
    throw new Error(
      `container ID file found, make sure the other container isn't running or delete ${path}`,
    )
  }
  let fd: number
  try {
    fd = openSync(path, 'wx', 0o666)
  } catch (error) {
    throw new Error(`failed to create the container ID file: ${goPathError('open', path, error)}`)
  }
  let written = false
  return {
    write(id) {
      writeSync(fd, id)
      written = true
    },
    close() {
      closeSync(fd)
      if (!written) rmSync(path, { force: true })
    },
  }
}
