import type { Cli } from '../command/cli.ts'

export interface Size {
  readonly height: number
  readonly width: number
}

/** Size of the terminal behind stdout; zero where there is none. */
export function terminalSize(stdout: NodeJS.WriteStream): Size {
  if (!stdout.isTTY) return { height: 0, width: 0 }
  const [width, height] = stdout.getWindowSize?.() ?? [stdout.columns, stdout.rows]
  return { height: height ?? 0, width: width ?? 0 }
}

/** A tty asked for, input attached, and no terminal there: the keys would go nowhere. */
export function checkTty(cli: Cli, attachStdin: boolean, tty: boolean): void {
  if (tty && attachStdin && !cli.stdin.isTTY) throw new Error('the input device is not a TTY')
}

/**
 * Sets the tty of a container or exec (`/containers/ID`, `/exec/ID`) to the terminal's size, now
 * and whenever that changes. Answers the function that stops it.
 */
export function followTerminalSize(cli: Cli, path: string): () => void {
  // One after another: an older size overtaking a newer one would stay.
  let last: Promise<unknown> = initialSize(cli, path)
  const onChange = (): void => void (last = last.then(() => resize(cli, path)))
  // Not SIGWINCH itself: when that comes, Bun still answers the size of before.
  cli.stdout.on('resize', onChange)
  return () => void cli.stdout.off('resize', onChange)
}

/** The process may not be there yet: a few more attempts, then its default size stays. */
async function initialSize(cli: Cli, path: string): Promise<void> {
  for (let attempt = 0; attempt <= 10; attempt++) {
    if (await resize(cli, path)) return
    await new Promise((resolve) => setTimeout(resolve, attempt * 10))
  }
  cli.printError('failed to resize tty, using default size\r\n')
}

async function resize(cli: Cli, path: string): Promise<boolean> {
  const { height, width } = terminalSize(cli.stdout)
  return height === 0 && width === 0 ? true : resizeTo(cli, path, { height, width })
}

export async function resizeTo(cli: Cli, path: string, { height, width }: Size): Promise<boolean> {
  try {
    await cli.client.run('POST', `${path}/resize`, { query: { h: height, w: width } })
    return true
  } catch {
    return false
  }
}
