import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, text } from '@tdocker/api/query.ts'
import type { ContainerBackend } from '../backend.ts'
import { acceptedEncoding } from '../accepted-encoding.ts'
import { bulkEncodings } from '../bulk.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'
import { sendArchive } from '../send-archive.ts'

/** Files of containers: cp, export, diff. */
export function archiveRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerArchiveInfo: async (x) => {
      setPathStat(x, await containers.statPath(x.param('id'), pathOf(x)))
      x.empty(200)
    },
    ContainerArchive: async (x) => {
      const { stat, archive } = await containers.getArchive(x.param('id'), pathOf(x))
      setPathStat(x, stat)
      await sendArchive(x, archive, 'application/x-tar', encodingOf(x))
    },
    PutContainerArchive: async (x) => {
      await containers.putArchive(x.param('id'), {
        path: pathOf(x),
        noOverwriteDirNonDir: flag(x.query, 'noOverwriteDirNonDir'),
        copyUidGid: flag(x.query, 'copyUIDGID'),
        body: (await x.bulk?.body()) ?? x.stream,
      })
      x.empty(200)
    },
    ContainerExport: async (x) => {
      await sendArchive(x, await containers.export(x.param('id')), 'application/octet-stream')
    },
    ContainerChanges: async (x) => {
      const changes = await containers.changes(x.param('id'))
      // Go's empty list is null.
      x.json(200, changes.length > 0 ? changes : null)
    },
  }
}

function pathOf(x: Exchange): string {
  const path = text(x.query, 'path')
  if (path === '') throw new InvalidRequest('bad parameter: path cannot be empty')
  if (path.includes('\0')) throw new InvalidRequest('bad parameter: path must not contain NUL')
  return path
}

function setPathStat(x: Exchange, stat: object): void {
  const encoded = Buffer.from(JSON.stringify(stat)).toString('base64')
  x.response.setHeader('X-Docker-Container-Path-Stat', encoded)
}

function encodingOf(x: Exchange): 'gzip' | 'deflate' | undefined {
  return acceptedEncoding(x.header('accept-encoding') ?? '', bulkEncodings)
}
