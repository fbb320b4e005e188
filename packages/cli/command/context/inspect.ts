import { defaultContext } from '../../client/context-store.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { inspectObjects } from '../../format/inspect.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS] [CONTEXT] [CONTEXT...]',
  short: 'Show all details of contexts',
  args: { kind: 'atLeast', count: 0 },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'inspect', 'f')
    return (cli, names) => {
      const wanted = names.length > 0 ? names : [cli.contextName]
      return inspectObjects(cli, wanted, format.value, async (name) => textOf(one(cli, name)))
    }
  },
}

/** As Go's encoder writes it. */
function textOf(context: object): string {
  return JSON.stringify(context).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e')
}

function one(cli: Cli, name: string): object {
  if (name === defaultContext) {
    const Endpoints = { docker: { Host: cli.defaultHost, SkipTLSVerify: false } }
    const Storage = { MetadataPath: '<IN MEMORY>', TLSPath: '<IN MEMORY>' }
    return { Name: name, Metadata: {}, Endpoints, TLSMaterial: {}, Storage }
  }
  const { contexts } = cli
  const meta = contexts.get(name)
  const files = Object.keys(contexts.tls(name))
  return {
    ...meta,
    TLSMaterial: files.length > 0 ? { docker: files } : {},
    Storage: { MetadataPath: contexts.metaPath(name), TLSPath: contexts.tlsPath(name) },
  }
}
