import type { Case } from '../case.ts'
import { add } from './add.ts'
import { config } from './config.ts'
import { copy, copyRefused } from './copy.ts'
import { edges } from './edges.ts'
import { mounts, mountsOfClients, mountsRefused } from './mounts.ts'
import { devices, heredocs, run } from './run.ts'
import { builtIn, directives, onbuild, stages } from './stages.ts'
import { variables } from './variables.ts'

/** Those that BuildKit can be asked about, too. */
export const shared: readonly Case[] = [
  ...copy,
  ...copyRefused,
  ...add,
  ...run,
  ...heredocs,
  ...mounts,
  ...mountsRefused,
  ...config,
  ...variables,
  ...stages,
  ...onbuild,
  ...directives,
  ...edges,
]

export const cases: readonly Case[] = [...shared, ...mountsOfClients, ...devices, ...builtIn]
