import type { Cli } from '../cli.ts'
import type { Completes } from '../tree/node.ts'
import { namesOf } from './names.ts'
import type { Candidate } from './names.ts'
import { capabilities, logDrivers, signals, streams } from './words.ts'

/** Flags whose values are names of objects. */
const named: Readonly<Record<string, Completes>> = {
  network: 'networks',
  net: 'networks',
  'volumes-from': 'containers',
  link: 'running',
  context: 'contexts',
}

/** Flags whose values are one of a few words. */
const words: Readonly<Record<string, readonly string[]>> = {
  attach: streams,
  'cap-add': capabilities,
  'cap-drop': capabilities,
  cgroupns: ['host', 'private'],
  ipc: ['host', 'none', 'private', 'shareable', 'container:'],
  'log-driver': logDrivers,
  'log-level': ['debug', 'info', 'warn', 'error', 'fatal'],
  pid: ['host', 'container:'],
  pull: ['always', 'missing', 'never'],
  restart: ['always', 'no', 'on-failure', 'unless-stopped'],
  signal: signals,
  'stop-signal': signals,
  'security-opt': [
    'apparmor=',
    'label=',
    'no-new-privileges',
    'seccomp=',
    'systempaths=unconfined',
  ],
  type: ['container', 'image', 'network', 'plugin', 'volume'],
  userns: ['host'],
  uts: ['host'],
}

const files = new Set([
  ...['env-file', 'label-file', 'cidfile', 'output', 'input', 'config', 'volume', 'mount'],
  ...['tlscacert', 'tlscert', 'tlskey', 'device'],
])

export interface Values {
  readonly candidates: readonly Candidate[]
  /** Paths of the client fit too. */
  readonly files: boolean
}

/** What may follow a flag. */
export async function valuesOf(cli: Cli, flag: string, typed: string): Promise<Values> {
  if (files.has(flag)) return { candidates: [], files: true }
  if (flag === 'env') return { candidates: environmentNames(cli), files: false }
  const kind = named[flag]
  if (kind) return { candidates: await namesOf(cli, kind), files: false }
  const joined = await joinedContainers(cli, flag, typed)
  const fixed = (words[flag] ?? []).map((word) => ({ word }))
  return { candidates: [...fixed, ...joined], files: false }
}

/** `--pid container:NAME` */
async function joinedContainers(cli: Cli, flag: string, typed: string): Promise<Candidate[]> {
  const prefix = 'container:'
  if (!['pid', 'ipc', 'network'].includes(flag) || !typed.startsWith(prefix)) return []
  return (await namesOf(cli, 'running')).map((one) => ({ ...one, word: prefix + one.word }))
}

function environmentNames({ env }: Cli): Candidate[] {
  return Object.keys(env)
    .sort()
    .map((word) => ({ word }))
}
