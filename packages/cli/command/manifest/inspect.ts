import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { fetchManifests } from './fetch.ts'
import { listOf, listText, payloadText, verboseText } from './image-manifest.ts'
import type { ImageManifest } from './image-manifest.ts'
import { manifestName } from './names.ts'
import { ManifestStore, noSuchManifest } from './store.ts'

export const command: Command = {
  use: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  short: 'Show an image manifest or a manifest list',
  args: { kind: 'between', least: 1, most: 2 },
  define(flags: FlagSet): Action {
    const insecure = flags.bool(
      'insecure',
      '',
      false,
      'Speak to registries without certificates too',
    )
    const verbose = flags.bool('verbose', 'v', false, 'Show names and platforms as well')
    return async (cli, args) => {
      const name = manifestName(args.at(-1) ?? '')
      const show = (found: ImageManifest | readonly ImageManifest[]): void => {
        if (verbose.value) return cli.print(`${verboseText(found)}\n`)
        const text = 'Ref' in found ? payloadText(found) : listText(listOf(name, found))
        cli.print(`${text}\n`)
      }
      const store = new ManifestStore(cli)
      if (args.length === 2) {
        const found = store.find(manifestName(args[0] ?? ''), name)
        if (!found) throw noSuchManifest(name)
        return show(found)
      }
      show(store.findList(name) ?? (await fetchManifests(cli, name, insecure.value)))
    }
  },
}
