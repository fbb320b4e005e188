import { type Container, isRunning } from './container.ts'
import { ambiguousPrefix, invalidIdentifier, nameTaken, noSuchContainer } from './messages.ts'

/** A container as its image sees it; `reference` is what it was asked for by. */
export interface ImageUser {
  id: string
  running: boolean
  reference?: string
  /** It is mounted into the container, which is made of another. */
  mounts?: boolean
}

/** All containers by id and name. Memory only: rows are the caller's. */
export class Registry {
  readonly #byId = new Map<string, Container>()
  /** Names in use, reserved ones (of creates under way) included. */
  readonly #idByName = new Map<string, string>()
  readonly #byImage = new Map<string, Set<Container>>()
  readonly #byMountedImage = new Map<string, Set<Container>>()
  /** Images of creates under way. */
  readonly #imageHolds = new Set<{ id: string; imageId: string; mounts: boolean }>()

  /** Takes a name for `id`. Throws conflict with Docker's sentence. */
  reserve(name: string, id: string): void {
    const holder = this.#idByName.get(name)
    if (holder !== undefined && holder !== id) throw nameTaken(name, holder)
    this.#idByName.set(name, id)
  }

  isFree(name: string): boolean {
    return !this.#idByName.has(name)
  }

  release(name: string, id: string): void {
    if (this.#idByName.get(name) === id) this.#idByName.delete(name)
  }

  /** Makes a container visible; its name must be reserved. */
  add(container: Container): void {
    this.#byId.set(container.id, container)
    addTo(this.#byImage, container.imageId, container)
    for (const id of mountedImages(container)) addTo(this.#byMountedImage, id, container)
  }

  /** Keeps an image from being removed while a container is made of it, or with it mounted. */
  holdImage(id: string, imageId: string, o: { mounts: boolean } = { mounts: false }): Disposable {
    const hold = { id, imageId, mounts: o.mounts }
    this.#imageHolds.add(hold)
    return { [Symbol.dispose]: () => this.#imageHolds.delete(hold) }
  }

  /** Containers made of an image or that mount it, those being made included. */
  usersOf(imageId: string): ImageUser[] {
    const users: ImageUser[] = [...(this.#byImage.get(imageId) ?? [])].map((c) => ({
      id: c.id,
      running: isRunning(c),
      ...(c.config.Image && { reference: c.config.Image }),
    }))
    for (const c of this.#byMountedImage.get(imageId) ?? [])
      users.push({ id: c.id, running: isRunning(c), mounts: true })
    for (const { id, imageId: held, mounts } of this.#imageHolds)
      if (held === imageId && !this.#byId.has(id))
        users.push({ id, running: false, ...(mounts && { mounts }) })
    return users
  }

  delete(container: Container): void {
    this.#byId.delete(container.id)
    deleteFrom(this.#byImage, container.imageId, container)
    for (const id of mountedImages(container)) deleteFrom(this.#byMountedImage, id, container)
    this.release(container.name, container.id)
  }

  /**
   * By full id, name (with or without the slash) or unique id prefix. Throws notFound,
   * or invalidParameter for an ambiguous prefix.
   */
  get(reference: string): Container {
    if (reference === '') throw invalidIdentifier(reference)
    const found = this.find(reference)
    if (found) return found
    let match: Container | undefined
    for (const [id, container] of this.#byId) {
      if (!id.startsWith(reference)) continue
      if (match) throw ambiguousPrefix(reference)
      match = container
    }
    if (!match) throw noSuchContainer(reference)
    return match
  }

  /** By full id or name. */
  find(reference: string): Container | undefined {
    const direct = this.#byId.get(reference)
    if (direct) return direct
    const name = reference.startsWith('/') ? reference.slice(1) : reference
    const id = this.#idByName.get(name) ?? this.#linked(name)
    return id === undefined ? undefined : this.#byId.get(id)
  }

  /** `parent/alias`: whom a link of that container leads to. */
  #linked(name: string): string | undefined {
    const slash = name.indexOf('/')
    if (slash < 0) return undefined
    const parent = this.#idByName.get(name.slice(0, slash))
    const links = parent === undefined ? undefined : this.#byId.get(parent)?.detail.links
    return links?.find(({ alias }) => alias === name.slice(slash + 1))?.id
  }

  /** True while this very record is registered. */
  has(container: Container): boolean {
    return this.#byId.get(container.id) === container
  }

  all(): Iterable<Container> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }
}

type Users = Map<string, Set<Container>>

function addTo(map: Users, id: string, container: Container): void {
  map.set(id, (map.get(id) ?? new Set()).add(container))
}

function deleteFrom(map: Users, id: string, container: Container): void {
  const users = map.get(id)
  users?.delete(container)
  if (users?.size === 0) map.delete(id)
}

function mountedImages({ detail }: Container): string[] {
  return detail.mounts.filter(({ type }) => type === 'image').map(({ source }) => source)
}
