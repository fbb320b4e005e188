/** What FROM and `--from` mean when they name no stage: named contexts, and images, here or in a registry. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { type Platform, formatPlatform, hostPlatform, parsePlatform } from '@tdocker/oci'
import { invalidParameter, notFound } from '../../base/errors.ts'
import type { ContextNames } from '../context/context-names.ts'
import type { PlannedStage } from '../graph/stages.ts'
import type { BuildImage } from '../needs.ts'
import type { Build } from './build.ts'
import { imageOfDirectory } from './directory-image.ts'
import { NamedContexts } from './named-contexts.ts'
import type { StepSource } from './place.ts'

type Progress = (message: JSONMessage) => void

export class NamedImages {
  readonly #build: Build
  readonly #contexts: NamedContexts
  readonly #signal: AbortSignal
  /** By reference and platform: each is asked for once in a build. */
  readonly #found = new Map<string, Promise<BuildImage>>()

  constructor(build: Build, names: ContextNames, signal: AbortSignal) {
    this.#build = build
    this.#contexts = new NamedContexts(build, names, signal)
    this.#signal = signal
  }

  /** Throws invalidParameter. */
  platformOf({ platform }: Pick<PlannedStage, 'platform'>): Platform {
    const wanted = platform || this.#build.options.platform
    if (wanted === '') return hostPlatform()
    try {
      return parsePlatform(wanted)
    } catch (error) {
      throw invalidParameter(
        `failed to parse platform ${wanted}: ${(error as Error).message}`,
        error,
      )
    }
  }

  /** undefined for scratch. */
  async base(name: string, platform: string, progress: Progress): Promise<BuildImage | undefined> {
    const wanted = platform || this.#build.options.platform || undefined
    const target = this.platformOf({ platform })
    const context = await this.#contexts.find(name, target, progress)
    if (context?.kind === 'directory')
      return await imageOfDirectory(this.#build, {
        name,
        path: context.path,
        platform: target,
        signal: this.#signal,
      })
    const reference = context?.reference ?? name
    if (reference === 'scratch') return undefined
    return await this.#named(reference, wanted, progress)
  }

  /** Of `COPY --from` and `RUN --mount=from=`. */
  async source(name: string, progress: Progress): Promise<StepSource> {
    const context = await this.#contexts.find(name, this.platformOf({ platform: '' }), progress)
    if (context?.kind === 'directory') return context
    const { id } = await this.#named(context?.reference ?? name, undefined, progress)
    return { kind: 'image', id }
  }

  #named(name: string, platform: string | undefined, progress: Progress): Promise<BuildImage> {
    const key = JSON.stringify([name, platform])
    const known = this.#found.get(key)
    if (known) return known
    const found = this.#find(name, platform, progress)
    found.catch(() => {})
    this.#found.set(key, found)
    return found
  }

  async #find(name: string, platform: string | undefined, progress: Progress): Promise<BuildImage> {
    const { images, options } = this.#build
    const found = options.pull ? undefined : images.find(name, platform)
    const image = found ?? (await this.#pulled(name, platform, progress))
    if (!this.#build.hold(image.id)) throw notFound(`No such image: ${name}`)
    return image
  }

  async #pulled(
    reference: string,
    platform: string | undefined,
    progress: Progress,
  ): Promise<BuildImage> {
    const { images, options } = this.#build
    await images.pull({
      reference,
      platform,
      auths: options.auths,
      signal: this.#signal,
      progress: (message) => progress(message as JSONMessage),
    })
    const image = images.find(reference, platform)
    if (image) return image
    const other = platform === undefined ? undefined : images.find(reference, undefined)
    if (!other) throw notFound(`No such image: ${reference}`)
    progress({ status: mismatch(reference, platform!, other) })
    return other
  }
}

/** moby's words (daemon/images/image_builder.go): what a registry gave is not what was asked for. */
function mismatch(reference: string, wanted: string, { config }: BuildImage): string {
  const { os, architecture, variant } = config
  const found = formatPlatform({ os, architecture, ...(variant && { variant }) })
  return [
    '',
    `WARNING: Pulled image with specified platform (${formatPlatform(parsePlatform(wanted))}), but the resulting image's configured platform (${found}) does not match.`,
    `This is most likely caused by a bug in the build system that created the fetched image (${reference}).`,
    'Please notify the image author to correct the configuration.',
  ].join('\n')
}
