import type { ContainerWaitResponse } from '@tdocker/api'
import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, integer, optionalText, terminalSize, text } from '@tdocker/api/query.ts'
import type { CreateOptions } from '@tdocker/engine/backend-types.ts'
import type { ContainerBackend } from '../backend.ts'
import { inspectFor, summaryFor } from '../compat/container.ts'
import { createRequestOf } from '../compat/create.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'
import { sendLogs } from './logs.ts'

export function containerRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerList: async (x) => {
      const found = await containers.list(listOptions(x))
      x.json(
        200,
        found.map((container) => summaryFor(container, x.version)),
      )
    },
    ContainerCreate: async (x) => {
      const { options, warnings } = await creation(x)
      const made = await containers.create(options)
      x.json(201, { ...made, Warnings: [...made.Warnings, ...warnings] })
    },
    ContainerDryRun: async (x) => {
      const { options, warnings } = await creation(x)
      const shown = await containers.dryRun(options)
      x.json(200, { ...shown, Warnings: [...shown.Warnings, ...warnings] })
    },
    ContainerInspect: async (x) => {
      const options = { size: flag(x.query, 'size') }
      x.json(200, inspectFor(await containers.inspect(x.param('id'), options), x.version))
    },
    ContainerTop: async (x) =>
      x.json(200, await containers.top(x.param('id'), text(x.query, 'ps_args') || '-ef')),
    ContainerLogs: (x) => sendLogs(x, containers),
    ContainerResize: async (x) => {
      const rows = terminalSize(x.query, 'h', 'height')
      const columns = terminalSize(x.query, 'w', 'width')
      await containers.resize(x.param('id'), { rows, columns })
      x.empty(200)
    },
    ContainerStart: async (x) => {
      refuseBody(x)
      if (text(x.query, 'checkpoint'))
        throw new InvalidRequest('checkpoint is only supported in experimental mode')
      const detachKeys = optionalText(x.query, 'detachKeys')
      await containers.start(x.param('id'), { ...(detachKeys && { detachKeys }) })
      x.empty(204)
    },
    ContainerStop: async (x) => {
      await containers.stop(x.param('id'), stopOptions(x))
      x.empty(204)
    },
    ContainerRestart: async (x) => {
      await containers.restart(x.param('id'), stopOptions(x))
      x.empty(204)
    },
    ContainerKill: async (x) => {
      await containers.kill(x.param('id'), { signal: text(x.query, 'signal') || 'SIGKILL' })
      x.empty(204)
    },
    ContainerRename: async (x) => {
      await containers.rename(x.param('id'), text(x.query, 'name'))
      x.empty(204)
    },
    ContainerDelete: async (x) => {
      await containers.remove(x.param('id'), {
        force: flag(x.query, 'force'),
        volumes: flag(x.query, 'v'),
        link: flag(x.query, 'link'),
      })
      x.empty(204)
    },
    ContainerWait: (x) => sendWait(x, containers),
  }
}

/** What `create` is asked for, in the shape of the newest version. */
async function creation(x: Exchange): Promise<{ options: CreateOptions; warnings: string[] }> {
  const given = await x.requiredBody(createRequest)
  const { body, warnings, oldDefaults } = createRequestOf(given, x.version)
  const name = optionalText(x.query, 'name')
  const platform = x.since('createPlatform') ? optionalText(x.query, 'platform') : undefined
  const options = {
    ...(name !== undefined && { name }),
    ...(platform !== undefined && { platform }),
    body,
    ...oldDefaults,
  }
  return { options, warnings }
}

const createRequest = async () =>
  (await import('@tdocker/api/schema/container.ts')).ContainerCreateRequest

function listOptions(x: Exchange): Parameters<ContainerBackend['list']>[0] {
  return {
    all: flag(x.query, 'all'),
    limit: integer(x.query, 'limit') ?? 0,
    size: flag(x.query, 'size'),
    filters: parseFilters(text(x.query, 'filters'), 'ContainerList'),
  }
}

function stopOptions(x: Exchange): Parameters<ContainerBackend['stop']>[1] {
  const signal = x.since('stopSignal') ? optionalText(x.query, 'signal') : undefined
  const timeoutSeconds = integer(x.query, 't')
  return { ...(signal && { signal }), ...(timeoutSeconds !== undefined && { timeoutSeconds }) }
}

/** Long ago `start` took a HostConfig; `null` and `{}` are still let through. */
function refuseBody(x: Exchange): void {
  const length = Number(x.header('content-length') ?? 0)
  if (length > 7 || x.header('transfer-encoding') !== undefined) {
    throw new InvalidRequest(
      'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    )
  }
}

type WaitCondition = Parameters<ContainerBackend['wait']>[1]['condition']
const waitConditions: readonly string[] = ['not-running', 'next-exit', 'removed']

/** The head goes out as soon as the wait is registered: clients start the container after it. */
async function sendWait(x: Exchange, containers: ContainerBackend): Promise<void> {
  const asked = (x.since('waitCondition') && optionalText(x.query, 'condition')) || 'not-running'
  if (!waitConditions.includes(asked)) {
    throw new InvalidRequest(`invalid condition: ${JSON.stringify(asked)}`)
  }
  const condition = asked as WaitCondition
  const { result } = await containers.wait(x.param('id'), { condition, signal: x.signal })
  if (!x.since('waitCondition')) return x.json(200, await result)
  x.open('application/json')
  const answer = await waited(result)
  if (answer.Error && condition === 'removed' && !x.since('waitRemovedError')) return x.end()
  await x.write(`${JSON.stringify(answer)}\n`)
  x.end()
}

/** The status is sent already: what goes wrong now is part of the answer. */
async function waited(result: Promise<ContainerWaitResponse>): Promise<ContainerWaitResponse> {
  try {
    return await result
  } catch (error) {
    return { StatusCode: -1, Error: { Message: (error as Error).message } }
  }
}
