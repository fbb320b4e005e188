/**
 * What makes git a process that can do nothing but its work, and ends with the daemon: setpriv(1),
 * prlimit(1) and unshare(1) of util-linux, where the machine has them.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { roomAt } from '../context/intake.ts'

const NO_RIGHTS = [
  'setpriv',
  '--no-new-privs',
  ...['--bounding-set', '-all', '--inh-caps', '-all', '--ambient-caps', '-all'],
  '--',
]
/** Its helpers, too, end when it ends: they wait for servers. It sees no process but them. */
const ALONE = ['unshare', '--pid', '--fork', '--kill-child', '--']
const ENDS_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--']

let known: Promise<boolean> | undefined

/** What goes before the program and its arguments; `directory`: where it writes. */
export async function launcher(directory: string): Promise<string[]> {
  known ??= works()
  return (await known) ? words(Math.floor(await roomAt(directory))) : []
}

/** No file may be larger than `bytes`: a server may send without end. */
function words(bytes: number): string[] {
  return [...ENDS_WITH_US, 'prlimit', `--fsize=${bytes}`, '--', ...ALONE, ...NO_RIGHTS]
}

async function works(): Promise<boolean> {
  const [program = '', ...args] = [...words(1 << 20), 'true']
  return await promisify(execFile)(program, args).then(
    () => true,
    () => false,
  )
}
