import { mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { helpPage, summary, usageLine } from './config/help.ts'
import { ConfigError, parseFlags } from './config/flags.ts'
import { loadConfig } from './config/load.ts'
import { commit, ENGINE_VERSION } from './version.ts'

/** Exit codes as dockerd's: 1 for whatever keeps it from starting. */
async function main(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args)
  if (flags.settings.get('help')) return void process.stdout.write(helpPage())
  if (flags.settings.get('version')) {
    return void process.stdout.write(`tdockerd version ${ENGINE_VERSION}, build ${commit}\n`)
  }
  const config = loadConfig(flags)
  if (flags.settings.get('validate')) return void process.stderr.write('configuration OK\n')
  if (process.geteuid?.() !== 0) {
    throw new Error('tdockerd needs to be started with root privileges')
  }
  useCompileCache(config.engine.dataRoot)
  const { runDaemon } = await import('./daemon.ts')
  await runDaemon(config, flags)
}

/**
 * V8's compiled code is kept beside the program, so that the next start of any daemon finds it; in
 * the data root where that place is read-only. Code is only taken from a directory of root's alone.
 */
function useCompileCache(dataRoot: string): void {
  const own = import.meta.url.endsWith('.ts') ? '../../.build/code' : 'code'
  for (const directory of [join(import.meta.dirname, own), join(dataRoot, 'cache', 'code')]) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const { uid, mode } = statSync(directory)
      if (uid === 0 && (mode & 0o022) === 0) return void enableCompileCache(directory)
    } catch {
      // The next place.
    }
  }
}

function complain(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  const usage = message.includes('accepts no argument')
    ? `\n\nUsage:  ${usageLine}\n\n${summary}`
    : ''
  const help = error instanceof ConfigError && isUsage(message) ? "\nSee 'tdockerd --help'." : ''
  process.stderr.write(`${message}${help}${usage}\n`)
}

function isUsage(message: string): boolean {
  return /^(unknown (shorthand )?flag|flag needs|bad flag|invalid argument|"tdockerd" accepts)/.test(
    message,
  )
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  complain(error)
  process.exit(1)
}
