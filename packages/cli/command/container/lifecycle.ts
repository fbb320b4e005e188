import type { Hijacked } from '../../client/client.ts'
import type { Cli } from '../cli.ts'

/** Path of a container's operations; names are escaped. An empty name would name the list. */
export function containerPath(name: string): string {
  if (name.trim() === '') throw new Error('invalid container name or ID: value is empty')
  return `/containers/${encodeURIComponent(name)}`
}

interface WaitAnswer {
  readonly StatusCode: number
  readonly Error?: { readonly Message?: string } | null
}

export interface ExitWait {
  /** The request is at the daemon: from here on no exit is missed. */
  readonly registered: Promise<void>
  /** Exit code; 125 where the daemon could not tell. */
  readonly code: Promise<number>
  cancel(): void
}

/**
 * Asks for the next exit of a container (with `removed`: for its removal). It has to be
 * `registered` before the container is started, or a short process is missed.
 */
export function waitForExit(cli: Cli, id: string, condition: 'next-exit' | 'removed'): ExitWait {
  const abort = new AbortController()
  const answer = cli.client.request('POST', `${containerPath(id)}/wait`, {
    query: { condition },
    signal: abort.signal,
  })
  const code = (async (): Promise<number> => {
    try {
      const { json } = await import('node:stream/consumers')
      const result = (await json(await answer)) as WaitAnswer
      if (!result.Error?.Message) return result.StatusCode
      cli.printError(`Error waiting for container: ${result.Error.Message}\n`)
    } catch (error) {
      if (abort.signal.aborted) return 125
      cli.printError(`error waiting for container: ${(error as Error).message}\n`)
    }
    return 125
  })()
  return { registered: answer.then(() => {}), code, cancel: () => abort.abort() }
}

export interface AttachRequest {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly detachKeys: string
}

export function attachTo(cli: Cli, id: string, request: AttachRequest): Promise<Hijacked> {
  const { stdin, stdout, stderr, detachKeys } = request
  return cli.client.hijack(`${containerPath(id)}/attach`, {
    query: {
      stream: true,
      stdin: stdin || undefined,
      stdout: stdout || undefined,
      stderr: stderr || undefined,
      detachKeys: detachKeys || undefined,
    },
  })
}

/** Runs one operation on many containers at once, reports in the order given. */
export async function forEach(
  cli: Cli,
  names: readonly string[],
  operation: (name: string) => Promise<void>,
  options: { readonly silent?: boolean; readonly forgive?: (error: unknown) => boolean } = {},
): Promise<void> {
  const pending = names.map((name) =>
    operation(name).then(
      () => undefined,
      (error: unknown) => error as Error,
    ),
  )
  const errors: Error[] = []
  for (const [index, name] of names.entries()) {
    const error = await pending[index]
    if (error === undefined) {
      if (!options.silent) cli.print(`${name}\n`)
    } else if (options.forgive?.(error)) {
      cli.printError(`${error.message}\n`)
    } else {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
}
