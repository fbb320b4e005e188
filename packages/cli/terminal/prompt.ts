import { createInterface } from 'node:readline'
import type { Cli } from '../command/cli.ts'
import { StatusError } from '../command/cli.ts'

/** Asks for a line. */
export function ask(cli: Cli, question: string): Promise<string> {
  const lines = createInterface({ input: cli.stdin, output: cli.stdout })
  return new Promise((resolve, reject) => {
    let answered = false
    lines.once('SIGINT', () => reject(new StatusError(130)))
    lines.once('close', () => answered || resolve(''))
    lines.question(question, (answer) => {
      answered = true
      lines.close()
      resolve(answer)
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
