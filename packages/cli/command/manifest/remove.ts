import type { FlagSet } from '../../flag/flag-set.ts'
import type { Action, Command } from '../command.ts'
import { manifestName } from './names.ts'
import { ManifestStore } from './store.ts'

export const command: Command = {
  use: 'MANIFEST_LIST [MANIFEST_LIST...]',
  short: 'Delete local manifest lists',
  args: { kind: 'atLeast', count: 1 },
  define: (_flags: FlagSet): Action => {
    return async (cli, names) => {
      const store = new ManifestStore(cli)
      const problems: string[] = []
      for (const text of names) {
        try {
          const name = manifestName(text)
          store.getList(name)
          store.remove(name)
        } catch (error) {
          problems.push((error as Error).message)
        }
      }
      if (problems.length > 0) throw new Error(problems.join('\n'))
    }
  },
}
