import { flag, optionalText } from '@tdocker/api/query.ts'
import type { ContainerBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

type AttachOptions = Parameters<ContainerBackend['attach']>[1]

export function attachRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerAttach: (x) => containers.attach(x.param('id'), attachOptions(x), x.hijack),
    ContainerAttachWebsocket: (x) =>
      containers.attach(x.param('id'), webSocketOptions(x), x.webSocket),
  }
}

function attachOptions(x: Exchange): AttachOptions {
  const detachKeys = optionalText(x.query, 'detachKeys')
  return {
    stdin: flag(x.query, 'stdin'),
    stdout: flag(x.query, 'stdout'),
    stderr: flag(x.query, 'stderr'),
    stream: flag(x.query, 'stream'),
    logs: flag(x.query, 'logs'),
    ...(detachKeys && { detachKeys }),
  }
}

function webSocketOptions(x: Exchange): AttachOptions {
  const all = !x.since('webSocketStreams') && { stdin: true, stdout: true, stderr: true }
  return { ...attachOptions(x), ...all }
}
