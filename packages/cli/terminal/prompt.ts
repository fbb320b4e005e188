import { createInterface } from 'node:readline'
import type { Cli } from '../command/cli.ts'
import { StatusError } from '../command/cli.ts'

/**
 * Asks for a line; the end of input is an empty one. The terminal edits the line itself: readline
 * would write escape sequences around the question.
 */
export function ask(cli: Cli, question: string): Promise<string> {
  cli.print(question)
  const lines = createInterface({ input: cli.stdin, terminal: false })
  return new Promise((resolve) => {
    lines.once('close', () => resolve(''))
    lines.once('line', (answer) => {
      resolve(answer)
      lines.close()
    })
  })
}

/** Asks for a line that is not shown. */
export function askSecret(cli: Cli, question: string): Promise<string> {
  const { stdin } = cli
  cli.print(question)
  stdin.setRawMode?.(true)
  stdin.resume()
  let secret = ''
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stdin.off('data', onData)
      stdin.setRawMode?.(false)
      stdin.pause()
      cli.print('\n')
      settle()
    }
    const onData = (chunk: Buffer): void => {
      for (const char of chunk.toString()) {
        if (char === '\r' || char === '\n' || char === '\x04') return finish(() => resolve(secret))
        if (char === '\x03') return finish(() => reject(new StatusError(130)))
        if (char === '\x7f' || char === '\b') secret = secret.slice(0, -1)
        else secret += char
      }
    }
    stdin.on('data', onData)
  })
}
