/** AppArmor of this machine: whether it is there, which profiles it has, loading one more. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'

const PARSER = '/sbin/apparmor_parser'

/** Whether profiles can be loaded and enforced here; not so inside of a container. */
export function supportsAppArmor(): boolean {
  return (
    existsSync('/sys/kernel/security/apparmor') &&
    !process.env['container'] &&
    existsSync(PARSER) &&
    readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y')
  )
}

export async function isProfileLoaded(name: string): Promise<boolean> {
  const loaded = await readFile('/sys/kernel/security/apparmor/profiles', 'utf8')
  return loaded.split('\n').some((line) => line.startsWith(`${name} (`))
}

/**
 * Compiles and loads a profile by apparmor_parser(8), without a file and without its cache. Rejects
 * with what the parser said.
 */
export async function loadProfile(profile: string): Promise<void> {
  const parser = spawn(PARSER, ['-Kr'], { stdio: ['pipe', 'ignore', 'pipe'] })
  const exited = new Promise<number>((resolve, reject) => {
    parser.once('error', reject)
    parser.once('exit', (code) => resolve(code ?? -1))
  })
  parser.stdin.on('error', () => {})
  parser.stdin.end(profile)
  const [code, told] = await Promise.all([exited, text(parser.stderr)])
  if (code !== 0) throw new Error(told.trim())
}

/** Whether /etc/apparmor.d has a file that profiles may include. */
export function hasAppArmorFile(name: string): boolean {
  return existsSync(`/etc/apparmor.d/${name}`)
}
