/** What `--build-context` gives a name to: an image, or a directory from elsewhere. Each fetched once. */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { type Platform, formatPlatform } from '@tdocker/oci'
import { invalidParameter } from '../../base/errors.ts'
import { type ContextNames, type ContextSpec, parseContextSpec } from '../context/context-names.ts'
import { loadLayout } from '../context/layout-image.ts'
import { fetchFile } from '../copy/download.ts'
import { checkOut } from '../git/checkout.ts'
import type { GitRef } from '../git/git-ref.ts'
import { resolveGit } from '../git/resolve.ts'
import type { Build } from './build.ts'
import { downloadContextOf, gitContextOf } from './remote-sources.ts'

export type NamedContext =
  { kind: 'image'; reference: string } | { kind: 'directory'; path: string }

/** How its one file is named, where a context is a file. */
const FILE_NAME = 'context'

export class NamedContexts {
  readonly #build: Build
  readonly #names: ContextNames
  readonly #signal: AbortSignal
  readonly #fetched = new Map<string, Promise<NamedContext>>()

  constructor(build: Build, names: ContextNames, signal: AbortSignal) {
    this.#build = build
    this.#names = names
    this.#signal = signal
  }

  /** undefined where no context has that name. Throws what a client is told. */
  find(
    name: string,
    platform: Platform,
    progress: (message: JSONMessage) => void,
  ): Promise<NamedContext> | undefined {
    const value = this.#names.find(name, platform)
    if (value === undefined) return undefined
    const key = `${value} ${formatPlatform(platform)}`
    const known = this.#fetched.get(key)
    if (known) return known
    const fetched = this.#fetch(name, value, platform, progress)
    fetched.catch(() => {})
    this.#fetched.set(key, fetched)
    return fetched
  }

  async #fetch(
    name: string,
    value: string,
    platform: Platform,
    progress: (message: JSONMessage) => void,
  ): Promise<NamedContext> {
    const spec = parseContextSpec(name, value)
    if (spec.kind === 'image') return spec
    progress({ status: `[context ${name}] ${shown(spec)}` })
    if (spec.kind === 'layout') return await this.#load(spec, platform)
    if (spec.kind === 'client') return { kind: 'directory', path: await this.#ofClient(spec.name) }
    const path = join(await this.#build.scratch(), randomBytes(8).toString('hex'))
    await mkdir(path, { mode: 0o755 })
    await this.#fill(spec, path)
    return { kind: 'directory', path }
  }

  /** It stays the session's. */
  async #ofClient(name: string): Promise<string> {
    const { session } = this.#build
    if (!session) throw invalidParameter(`the client of this build has no directory "${name}"`)
    return (await session.directory(name, { signal: this.#signal })).path
  }

  async #fill(
    spec: Exclude<ContextSpec, { kind: 'image' | 'client' | 'layout' }>,
    path: string,
  ): Promise<void> {
    switch (spec.kind) {
      case 'git':
        return await this.#checkOut(spec.ref, path)
      case 'url':
        return await fetchFile(downloadContextOf(this.#build), spec.url, {
          path: join(path, FILE_NAME),
          signal: this.#signal,
        })
    }
  }

  async #load(
    { name, digest }: { name: string; digest: string },
    platform: Platform,
  ): Promise<NamedContext> {
    const id = await loadLayout(this.#build, {
      directory: await this.#ofClient(name),
      digest,
      platform: formatPlatform(platform),
      signal: this.#signal,
    })
    return { kind: 'image', reference: id }
  }

  async #checkOut(ref: GitRef, directory: string): Promise<void> {
    const ctx = gitContextOf(this.#build)
    const o = { keepGitDir: ref.keepGitDir === true, signal: this.#signal }
    await checkOut(ctx, await resolveGit(ctx, ref, o), { ...o, directory })
  }
}

function shown(spec: Exclude<ContextSpec, { kind: 'image' }>): string {
  switch (spec.kind) {
    case 'git':
      return `fetching ${spec.ref.shown}`
    case 'url':
      return 'fetching a file'
    case 'layout':
    case 'client':
      return 'load from client'
  }
}
