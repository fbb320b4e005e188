import { pipeline } from 'node:stream/promises'
import { constants, createDeflateRaw, createGzip } from 'node:zlib'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, text } from '@tdocker/api/query.ts'
import type { ContainerBackend, TarSource } from '../backend.ts'
import { acceptedEncoding } from '../accepted-encoding.ts'
import { type BulkConnection, bulkEncodings } from '../bulk.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

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
      await send(x, archive, 'application/x-tar', encodingOf(x))
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
      await send(x, await containers.export(x.param('id')), 'application/octet-stream')
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

const CHUNK = 256 * 1024

/** What goes wrong under way can only be told by breaking off. */
async function send(
  x: Exchange,
  archive: TarSource,
  contentType: string,
  encoding?: 'gzip' | 'deflate',
): Promise<void> {
  if (x.bulk) return sendDirectly(x.bulk, archive, contentType)
  const stream = archive.stream()
  const stop = (): void => void stream.destroy()
  x.signal.addEventListener('abort', stop, { once: true })
  if (x.signal.aborted) stop()
  if (encoding) x.response.setHeader('Content-Encoding', encoding)
  x.open(contentType)
  try {
    if (encoding === undefined) return await pipeline(stream, x.response)
    const options = { chunkSize: CHUNK, level: constants.Z_DEFAULT_COMPRESSION }
    const packed = encoding === 'gzip' ? createGzip(options) : createDeflateRaw(options)
    await pipeline(stream, packed, x.response)
  } catch (error) {
    if (!x.signal.aborted) throw error
  }
}

async function sendDirectly(
  bulk: BulkConnection,
  archive: TarSource,
  contentType: string,
): Promise<void> {
  let begun = false
  try {
    await bulk.send({ 'Content-Type': contentType }, (fd) => {
      begun = true
      return archive.sendTo(fd)
    })
  } finally {
    // The client was gone before its answer's head.
    if (!begun) await archive.close()
  }
}
