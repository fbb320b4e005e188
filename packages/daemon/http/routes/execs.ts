import type { ExecStartRequest } from '@tdocker/api'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { terminalSize } from '@tdocker/api/query.ts'
import type { ExecBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function execRoutes(execs: ExecBackend): Routes {
  return {
    ContainerExec: async (x) => {
      const body = (await x.body(execCreateRequest)) ?? {}
      if (!body.Cmd?.length) throw new InvalidRequest('No exec command specified')
      if (!x.since('consoleSize')) delete body.ConsoleSize
      x.json(201, await execs.create(x.param('id'), body))
    },
    ExecStart: async (x) => {
      const body = await startRequest(x)
      await execs.start(x.param('id'), body, body.Detach ? undefined : x.hijack)
      if (body.Detach) x.empty(200)
    },
    ExecResize: async (x) => {
      const rows = terminalSize(x.query, 'h', 'height')
      const columns = terminalSize(x.query, 'w', 'width')
      await execs.resize(x.param('id'), { rows, columns })
      x.empty(200)
    },
    ExecInspect: async (x) => x.json(200, await execs.inspect(x.param('id'))),
  }
}

const execCreateRequest = async () =>
  (await import('@tdocker/api/schema/exec.ts')).ExecCreateRequest
const execStartRequest = async () => (await import('@tdocker/api/schema/exec.ts')).ExecStartRequest

async function startRequest(x: Exchange): Promise<ExecStartRequest> {
  const body = (await x.body(execStartRequest)) ?? {}
  // A console needs a terminal.
  if (!body.Tty || !x.since('consoleSize')) delete body.ConsoleSize
  return body
}
