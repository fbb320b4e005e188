import { constants } from 'node:os'
import type { Cli } from '../command/cli.ts'

// SIGCHLD and SIGPIPE are this process's own business, SIGWINCH is a resize, and the rest cannot be
// caught or would hide a crash.
const ownSignals = new Set(
  'SIGCHLD SIGCLD SIGPIPE SIGWINCH SIGKILL SIGSTOP SIGSEGV SIGBUS SIGFPE SIGILL SIGTRAP SIGABRT SIGIOT SIGPROF SIGUNUSED SIGPOLL'.split(
    ' ',
  ),
)

/**
 * Sends the signals this process gets to the container instead. Answers the function that ends it.
 */
export function proxySignals(cli: Cli, container: string): () => void {
  const taken: Array<[NodeJS.Signals, () => void]> = []
  for (const name of Object.keys(constants.signals) as NodeJS.Signals[]) {
    if (ownSignals.has(name)) continue
    const forward = (): void => void send(cli, container, name)
    try {
      process.on(name, forward)
      taken.push([name, forward])
    } catch {
      // Not every signal can be caught on every runtime.
    }
  }
  return () => {
    for (const [name, forward] of taken) process.off(name, forward)
  }
}

async function send(cli: Cli, container: string, name: string): Promise<void> {
  try {
    await cli.client.run('POST', `/containers/${container}/kill`, {
      query: { signal: name.replace(/^SIG/, '') },
    })
  } catch {
    // It is gone already, or never started: its exit is reported elsewhere.
  }
}
