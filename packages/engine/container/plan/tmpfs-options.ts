import type { MountFlag } from '@tdocker/kernel/shim/plan.ts'
import { system } from '../../base/errors.ts'
import type { ResolvedMount } from './plan-input.ts'

export interface TmpfsOptions {
  flags: MountFlag[]
  data: Array<readonly [string, string]>
  /** The user said `ro`. */
  readonly: boolean
}

/** Option → what it turns on; the same subject's later word wins. */
const words: Record<string, { subject: string; flag?: MountFlag }> = {
  ro: { subject: 'ro', flag: 'ro' },
  rw: { subject: 'ro' },
  nosuid: { subject: 'suid', flag: 'nosuid' },
  suid: { subject: 'suid' },
  nodev: { subject: 'dev', flag: 'nodev' },
  dev: { subject: 'dev' },
  noexec: { subject: 'exec', flag: 'noexec' },
  exec: { subject: 'exec' },
  noatime: { subject: 'atime', flag: 'noatime' },
  atime: { subject: 'atime' },
  relatime: { subject: 'atime', flag: 'relatime' },
  norelatime: { subject: 'atime' },
  strictatime: { subject: 'atime', flag: 'strictatime' },
  nostrictatime: { subject: 'atime' },
}

/** Known to mount(8) and accepted, without effect on a tmpfs of its own. */
const ignored: ReadonlySet<string> = new Set(
  'sync async dirsync mand nomand diratime nodiratime defaults private rprivate shared rshared slave rslave unbindable runbindable'.split(
    ' ',
  ),
)

const keys: ReadonlySet<string> = new Set('size mode uid gid nr_inodes nr_blocks mpol'.split(' '))

/**
 * `--tmpfs /x:size=1m,exec`: Docker's noexec, nosuid, nodev and then the user's words, of which the
 * last of each subject wins. Throws system for an unknown word, at start as Docker does.
 */
export function parseTmpfsOptions(text: string): TmpfsOptions {
  const chosen = new Map<string, MountFlag | undefined>()
  const data = new Map<string, string>()
  for (const word of ['noexec', 'nosuid', 'nodev', ...text.split(',').filter(Boolean)]) {
    if (ignored.has(word)) continue
    const known = words[word]
    if (known) {
      chosen.set(known.subject, known.flag)
      continue
    }
    const equals = word.indexOf('=')
    const key = equals < 0 ? word : word.slice(0, equals)
    if (equals < 0 || !keys.has(key)) throw system(`invalid tmpfs option "${key}"`)
    data.set(key, word.slice(equals + 1))
  }
  const flags = [...chosen.values()].filter((flag) => flag !== undefined)
  return { flags, data: [...data], readonly: flags.includes('ro') }
}

/** `Mounts[]` of type tmpfs as the text that `--tmpfs` takes. */
export function tmpfsText(mount: ResolvedMount): string {
  const { sizeBytes, mode, options = [] } = mount.tmpfs ?? {}
  return [
    ...(mount.readonly ? ['ro'] : []),
    ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ...(sizeBytes ? [`size=${sizeBytes}`] : []),
    ...options.map((pair) => pair.join('=')),
  ].join(',')
}
