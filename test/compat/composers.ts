/** The composes there are on this machine: Debian's 1.29, and docker's plugin where it is installed. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram } from '../lib/test-daemon.ts'

export interface Composer {
  name: string
  command: readonly [string, ...string[]]
  skip: string | false
  env?: Record<string, string>
}

/** Beside a dockerd that was built from its sources. */
const built = join(process.env['TDOCKER_PEER'] ?? '/nonexistent', 'docker-compose')

/** Where docker's compose plugin is; it also runs by itself. */
const plugin = existsSync(built)
  ? built
  : spawnSync('docker', [
      'info',
      '--format',
      '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}',
    ])
      .stdout?.toString()
      .trim()

export const composers: readonly Composer[] = [
  {
    name: 'docker-compose 1.29',
    command: ['docker-compose', '--ansi', 'never'],
    skip: hasProgram('docker-compose') ? false : 'no docker-compose on the PATH',
    // It reads fields that no engine sends from API 1.45 (ContainerConfig) and 1.52 (id of events) on.
    env: { COMPOSE_API_VERSION: '1.41' },
  },
  {
    name: 'docker compose',
    command: [plugin || 'docker-compose', '--ansi', 'never', '--progress', 'plain'],
    skip: plugin ? false : 'docker has no compose plugin',
  },
]
