/** Plugins: there are none, and so none can be found. Installing them is not served. */
import { filterBoolean, parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { integer, text } from '@tdocker/api/query.ts'
import { notFound } from '@tdocker/engine/base/errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function pluginRoutes(): Routes {
  return {
    PluginList: (x) => {
      const filters = parseFilters(text(x.query, 'filters'), 'PluginList')
      filterBoolean(filters, 'enabled', false)
      x.json(200, [])
    },
    PluginInspect: noSuchPlugin,
    PluginDelete: noSuchPlugin,
    PluginEnable: (x) => {
      if (integer(x.query, 'timeout') === undefined) {
        throw new InvalidRequest('strconv.Atoi: parsing "": invalid syntax')
      }
      return noSuchPlugin(x)
    },
    PluginDisable: noSuchPlugin,
    PluginUpgrade: noSuchPlugin,
    PluginPush: noSuchPlugin,
    PluginSet: async (x) => {
      await x.body(settings)
      return noSuchPlugin(x)
    },
  }
}

const settings = async () => (await import('@tdocker/api/schema/swarm.ts')).PluginSettings

function noSuchPlugin(x: Exchange): never {
  throw notFound(`plugin ${JSON.stringify(x.param('name'))} not found`)
}
