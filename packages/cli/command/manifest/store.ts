import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Cli } from '../cli.ts'
import type { Reference } from '../../format/reference.ts'
import { fullName } from './names.ts'
import type { ImageManifest } from './image-manifest.ts'

/** Manifest lists being put together: `manifests/LIST/MANIFEST` beside config.json, shared with docker. */
export class ManifestStore {
  private readonly root: string

  constructor(cli: Cli) {
    this.root = join(dirname(cli.config.path), 'manifests')
  }

  find(list: Reference, manifest: Reference): ImageManifest | undefined {
    return this.read(join(this.directory(list), fileName(manifest)))
  }

  /** Undefined where there is no such list. */
  findList(list: Reference): ImageManifest[] | undefined {
    let names: string[]
    try {
      names = readdirSync(this.directory(list)).toSorted()
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    return names.flatMap((name) => this.read(join(this.directory(list), name)) ?? [])
  }

  getList(list: Reference): ImageManifest[] {
    const found = this.findList(list)
    if (found) return found
    throw noSuchManifest(list)
  }

  save(list: Reference, manifest: Reference, image: ImageManifest): void {
    mkdirSync(this.directory(list), { recursive: true, mode: 0o755 })
    writeFileSync(join(this.directory(list), fileName(manifest)), JSON.stringify(image))
  }

  remove(list: Reference): void {
    rmSync(this.directory(list), { recursive: true, force: true })
  }

  private directory(list: Reference): string {
    return join(this.root, fileName(list))
  }

  private read(path: string): ImageManifest | undefined {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as ImageManifest
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
}

export function noSuchManifest(reference: Reference): Error {
  return new Error(`No such manifest: ${fullName(reference)}`)
}

function fileName(reference: Reference): string {
  return fullName(reference).replaceAll(':', '-').replaceAll('/', '_')
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
