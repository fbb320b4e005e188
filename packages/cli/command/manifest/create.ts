import type { FlagSet } from '../../flag/flag-set.ts'
import type { Reference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'
import { fetchManifest } from './fetch.ts'
import { fullName, manifestName } from './names.ts'
import { ManifestStore } from './store.ts'

export const command: Command = {
  use: 'MANIFEST_LIST MANIFEST [MANIFEST...]',
  short: 'Begin a manifest list, to be annotated and pushed',
  args: { kind: 'atLeast', count: 2 },
  define(flags: FlagSet): Action {
    const amend = flags.bool('amend', 'a', false, 'Add to a list that is there')
    const insecure = flags.bool(
      'insecure',
      '',
      false,
      'Speak to registries without certificates too',
    )
    return async (cli, [target = '', ...names]) => {
      const list = listName(target)
      const store = new ManifestStore(cli)
      if (store.findList(list) && !amend.value) {
        throw new Error('refusing to amend an existing manifest list with no --amend flag')
      }
      for (const name of names.map(manifestName)) {
        const known = store.find(list, name)
        // Files of old programs have no exact bytes.
        const manifest = known?.Raw ? known : await fetchManifest(cli, name, insecure.value)
        store.save(list, name, manifest)
      }
      cli.print(`Created manifest list ${fullName(list)}\n`)
    }
  },
}

function listName(text: string): Reference {
  try {
    return manifestName(text)
  } catch (error) {
    throw new Error(`error parsing name for manifest list ${text}: ${(error as Error).message}`)
  }
}
