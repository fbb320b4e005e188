import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const main = new URL('../main.ts', import.meta.url).pathname

/**
 * Runs the CLI as users do, in a process of its own: the compiled one where TDOCKER_CLI names it,
 * else the sources on this Node.
 */
export async function runCli(
  args: readonly string[],
  options: {
    readonly host?: string
    readonly stdin?: string
    readonly cwd?: string
    readonly config?: string
    readonly path?: string
  } = {},
): Promise<Outcome> {
  const compiled = process.env['TDOCKER_CLI']
  const [program, before] = compiled ? [compiled, []] : [process.execPath, ['--', main]]
  const child = spawn(program, [...before, ...args], {
    env: {
      PATH: [options.path, process.env['PATH']].filter(Boolean).join(':'),
      DOCKER_CONFIG: options.config ?? '/nonexistent',
      ...(options.host ? { DOCKER_HOST: options.host } : {}),
    },
    ...(options.cwd ? { cwd: options.cwd } : {}),
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once('close', resolve)),
  ])
  return { code, stdout, stderr }
}
