import type { SearchResult } from '@tdocker/api'
import { authFor, encodeAuth } from '../../client/credentials.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag, intFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { RowFormat } from '../../format/row.ts'
import { searchFormat, searchHeaders, searchRow } from '../../format/search-row.ts'
import type { Action, Command } from '../command.ts'

export const command: Command = {
  use: '[OPTIONS] TERM',
  short: 'Look for images in Docker Hub, or in the registry whose host is in front of the term',
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const limit = intFlag(flags, 'limit', 'Show no more than so many')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    return async (cli, [term = '']) => {
      if ('is-automated' in filter.value) {
        cli.printError(
          'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.\n',
        )
      }
      const wanted = searchFormat(format.value)
      const text = new RowFormat(wanted)
      // Without credentials the search may still do.
      const auth = (await authFor(cli.config.data, hostOf(term)).catch(() => undefined)) ?? {}
      const results = await cli.client.get<SearchResult[]>('/images/search', {
        query: {
          term,
          limit: limit.value === 0 ? undefined : limit.value,
          filters: filterQuery(filter.value),
        },
        headers: { 'X-Registry-Auth': encodeAuth(auth) },
      })
      const isJson = wanted === 'json' || wanted.includes('json .')
      const rows = results.map((result) => searchRow(result, !noTrunc.value, isJson))
      cli.print(text.render(rows, searchHeaders, '*registry.searchContext'))
    }
  },
}

/** `host/words` where the first part looks like a host. */
function hostOf(term: string): string {
  const slash = term.indexOf('/')
  const head = term.slice(0, Math.max(slash, 0))
  return slash !== -1 && (/[.:]/.test(head) || head === 'localhost') ? head : 'docker.io'
}
