import type { FlagSet } from '../../flag/flag-set.ts'
import { intFlag } from '../../flag/kinds.ts'
import type { Action } from '../command.ts'
import { containerPath, forEach } from './lifecycle.ts'

/** Flags and work that `stop` and `restart` have in common. */
export function stopAction(flags: FlagSet, verb: 'stop' | 'restart'): Action {
  const signal = flags.string('signal', 's', '', 'Signal to send first')
  flags.need('signal', { api: '1.42' })
  const timeout = intFlag(flags, 'timeout', 'Seconds to wait before it is killed', {
    shorthand: 't',
  })
  flags.alias('time', timeout, { deprecated: true })
  return (cli, names) =>
    forEach(cli, names, async (name) => {
      await cli.client.run('POST', `${containerPath(name)}/${verb}`, {
        query: {
          signal: signal.value || undefined,
          t: timeout.changed ? timeout.value : undefined,
        },
      })
    })
}
