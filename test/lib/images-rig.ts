/** Images of an engine without a daemon: a store and a data root on tmpfs. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineEvent, NewEvent } from '@tdocker/engine/event/event-log.ts'
import { SqliteEventLog } from '@tdocker/engine/event/sqlite-event-log.ts'
import type {
  ProgressMessage,
  PullOptions,
  PushOptions,
} from '@tdocker/engine/image/image-backend.ts'
import { type Images, type ImagesOptions, createImages } from '@tdocker/engine/image/images.ts'
import { openStore } from '@tdocker/engine/store/sqlite-store.ts'
import type { Store } from '@tdocker/engine/store/store.ts'
import type { Native } from '@tdocker/kernel'
import { bestNative } from './plain-native.ts'

export interface ImagesRig extends AsyncDisposable {
  images: Images
  store: Store
  native: Native
  dataRoot: string
  /** Failures told in the background. */
  problems: string[]
  /** Containers that images are told of. */
  users: Map<string, Array<{ id: string; running: boolean }>>
  /** Pulls and answers every message. */
  pull(reference: string, o?: Partial<PullOptions>): Promise<ProgressMessage[]>
  /** Pushes `name[:tag]`, without a tag all of them, and answers every message. */
  push(name: string, o?: Partial<PushOptions>): Promise<ProgressMessage[]>
  /** An event of somebody else. */
  announce(event: NewEvent): Promise<void>
  events(): Array<Pick<EngineEvent, 'action' | 'actorId' | 'attributes'>>
  /** What lies below the data root beside the database: layers, blobs, partial downloads. */
  files(): Promise<{ layers: string[]; blobs: string[]; partials: string[] }>
  /** Closes and opens again over the same data root. */
  restart(): Promise<void>
}

export async function imagesRig(
  o: { config?: Partial<ImagesOptions['config']>; native?: Native; dataRoot?: string } = {},
): Promise<ImagesRig> {
  const dataRoot = o.dataRoot ?? (await mkdtemp('/dev/shm/tdocker-images-'))
  const native = o.native ?? bestNative()
  const users: ImagesRig['users'] = new Map()
  const problems: string[] = []
  const open = (): { store: Store; images: Images; log: SqliteEventLog } => {
    const store = openStore({ path: join(dataRoot, 'state.db') })
    const log = new SqliteEventLog(store)
    const images = createImages({
      native,
      store,
      events: log,
      config: {
        dataRoot,
        registryMirrors: [],
        insecureRegistries: [],
        maxConcurrentDownloads: 3,
        maxConcurrentUploads: 5,
        maxDownloadAttempts: 5,
        contentRetention: 'keep',
        backoffMs: 5,
        stallTimeoutMs: 2000,
        ...o.config,
      },
      users: { usersOf: (id) => users.get(id) ?? [] },
      log: (what, error) => problems.push(`${what}: ${String(error)}`),
    })
    return { store, images, log }
  }
  let state = open()
  await state.images.collectGarbage()
  const shut = async (): Promise<void> => {
    await state.images.close()
    await state.store.close()
  }
  return {
    get images() {
      return state.images
    },
    get store() {
      return state.store
    },
    native,
    dataRoot,
    problems,
    users,
    pull: async (reference, options = {}) => {
      const told: ProgressMessage[] = []
      await state.images.backend.pull({
        reference,
        signal: new AbortController().signal,
        progress: (message) => told.push(message),
        ...options,
      })
      return told
    },
    push: async (name, options = {}) => {
      const told: ProgressMessage[] = []
      await state.images.backend.push({
        name,
        tag: '',
        signal: new AbortController().signal,
        progress: (message) => told.push(message),
        ...options,
      })
      return told
    },
    announce: (event) => state.log.commit([], [event]),
    events: () =>
      state.store
        .all<{ action: string; actor_id: string; attributes_json: string }>(
          'SELECT action, actor_id, attributes_json FROM event ORDER BY seq',
        )
        .map((row) => ({
          action: row.action,
          actorId: row.actor_id,
          attributes: JSON.parse(row.attributes_json) as Record<string, string>,
        })),
    files: async () => ({
      layers: await list(join(dataRoot, 'layers')),
      blobs: await list(join(dataRoot, 'content', 'blobs', 'sha256')),
      partials: await list(join(dataRoot, 'content', 'partial')),
    }),
    restart: async () => {
      await shut()
      state = open()
      await state.images.collectGarbage()
    },
    async [Symbol.asyncDispose]() {
      await shut()
      if (o.dataRoot === undefined) await rm(dataRoot, { recursive: true, force: true })
    },
  }
}

async function list(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).toSorted()
  } catch {
    return []
  }
}
