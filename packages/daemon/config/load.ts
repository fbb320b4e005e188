/** The impure half: reads daemon.json and looks around, then lets the pure steps decide. */
import { readFileSync, statfsSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolveConfig, type Config, type Surroundings } from './config.ts'
import { parseFile } from './file.ts'
import { ConfigError, type Flags, type Settings } from './flags.ts'

export const defaultConfigFile = '/etc/tdocker/daemon.json'

/** Throws ConfigError. Called again for a reload: the file is read anew, flags stay. */
export function loadConfig(flags: Flags): Config {
  const file = readSettings(flags)
  return resolveConfig(flags.settings, file, surroundings())
}

function readSettings(flags: Flags): Settings {
  const given = flags.settings.get('config-file') as string | undefined
  const path = given ?? defaultConfigFile
  try {
    return parseFile(readFileSync(path, 'utf8'), flags)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing && given === undefined) return new Map()
    const why = missing ? `open ${path}: no such file or directory` : (error as Error).message
    throw new ConfigError(`unable to configure the daemon with file ${path}: ${why}`)
  }
}

function surroundings(): Surroundings {
  const runtimeDirectory = isTmpfs('/run') ? '/run/tdocker' : '/dev/shm/tdocker'
  return { env: process.env, runtimeDirectory, home: homedir() }
}

const tmpfsMagic = 0x01021994

/** Sockets, exit records and plans are many small files: on a disk they dominate start time. */
function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === tmpfsMagic
  } catch {
    return false
  }
}
