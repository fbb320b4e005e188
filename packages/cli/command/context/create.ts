import { existsSync } from 'node:fs'
import { checkContextName, defaultContext } from '../../client/context-store.ts'
import type { ContextMeta } from '../../client/context-store.ts'
import { normalizeHost } from '../../client/host.ts'
import { parseCsvRecord } from '../../flag/csv.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { quote } from '../../flag/scalar.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'

type Endpoint = Readonly<Record<string, string>>

export const command: Command = {
  use: '[OPTIONS] CONTEXT',
  short: `Create a context

--docker takes pairs: "host=tcp://myserver:2376,ca=ca.pem,cert=cert.pem,key=key.pem",
"skip-tls-verify=true", or "from=CONTEXT".`,
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const description = flags.string('description', '', '', 'Description of the context')
    const docker = flags.add<Endpoint>({
      name: 'docker',
      usage: 'Where the daemon is',
      type: 'stringToString',
      initial: {},
      defaultText: '[]',
      parse: (text, current) => ({ ...current, ...pairs(text) }),
    })
    const from = flags.string('from', '', '', 'Context to copy')
    return async (cli, [name = '']) => {
      checkContextName(name)
      if (cli.contexts.has(name)) throw new Error(`context ${quote(name)} already exists`)
      if (from.value !== '' && docker.changed) {
        throw new Error('cannot use --docker flag when --from is set')
      }
      const source = docker.changed ? undefined : from.value || cli.contextName
      const { endpoint, tls } =
        source === undefined ? described(cli, docker.value) : copied(cli, source)
      const Metadata = description.value ? { Description: description.value } : {}
      cli.contexts.create({ Name: name, Metadata, Endpoints: { docker: endpoint } }, tls)
      cli.print(`${name}\n`)
      cli.printError(`Successfully created context ${quote(name)}\n`)
    }
  },
}

function pairs(text: string): Endpoint {
  return Object.fromEntries(
    parseCsvRecord(text).map((pair) => {
      const equals = pair.indexOf('=')
      if (equals < 0) throw new Error(`${pair} must be formatted as key=value`)
      return [pair.slice(0, equals), pair.slice(equals + 1)]
    }),
  )
}

interface Made {
  readonly endpoint: NonNullable<ContextMeta['Endpoints'][string]>
  readonly tls: Readonly<Record<string, string>>
}

function copied(cli: Cli, name: string): Made {
  if (name === defaultContext) {
    return { endpoint: { Host: cli.defaultHost, SkipTLSVerify: false }, tls: {} }
  }
  const endpoint = cli.contexts.get(name).Endpoints['docker'] ?? {}
  return { endpoint, tls: cli.contexts.tls(name) }
}

const known = ['from', 'host', 'ca', 'cert', 'key', 'skip-tls-verify']

function described(cli: Cli, given: Endpoint): Made {
  const fail = (reason: string): Error =>
    new Error(`unable to create docker endpoint config: ${reason}`)
  const strange = Object.keys(given).find((key) => !known.includes(key))
  if (strange !== undefined) throw fail(`unrecognized config key: ${quote(strange)}`)
  if (given['from']) return copied(cli, given['from'])
  const files = { 'ca.pem': given['ca'], 'cert.pem': given['cert'], 'key.pem': given['key'] }
  const tls: Record<string, string> = {}
  for (const [file, path] of Object.entries(files)) {
    if (!path) continue
    if (!existsSync(path)) throw fail(`open ${path}: no such file or directory`)
    tls[file] = path
  }
  const Host = normalizeHost(given['host'] ?? '', Object.keys(tls).length > 0)
  return { endpoint: { Host, SkipTLSVerify: given['skip-tls-verify'] === 'true' }, tls }
}
