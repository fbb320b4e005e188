/** What FROM and `--from` mean when they name no stage: images, here or in a registry. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { type Platform, hostPlatform, parsePlatform } from '@tdocker/oci'
import { invalidParameter, notFound } from '../../base/errors.ts'
import type { PlannedStage } from '../graph/stages.ts'
import type { BuildImage } from '../needs.ts'
import type { Build } from './build.ts'
import type { StepSource } from './place.ts'

export class NamedImages {
  readonly #build: Build
  readonly #signal: AbortSignal

  constructor(build: Build, signal: AbortSignal) {
    this.#build = build
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
  async base(
    name: string,
    platform: string,
    progress: (message: JSONMessage) => void,
  ): Promise<BuildImage | undefined> {
    if (name === 'scratch') return undefined
    const wanted = platform || this.#build.options.platform
    return await this.#named(name, wanted === '' ? undefined : wanted, progress)
  }

  /** Of `COPY --from` and `RUN --mount=from=`. */
  async source(name: string): Promise<StepSource> {
    const { id } = await this.#named(name, undefined, () => {})
    return { kind: 'image', id }
  }

  async #named(
    name: string,
    platform: string | undefined,
    progress: (message: JSONMessage) => void,
  ): Promise<BuildImage> {
    const { images, options } = this.#build
    const found = options.pull ? undefined : images.find(name, platform)
    const image = found ?? (await this.#pulled(name, platform, progress))
    if (!this.#build.hold(image.id)) throw notFound(`No such image: ${name}`)
    return images.get(image.id)
  }

  async #pulled(
    reference: string,
    platform: string | undefined,
    progress: (message: JSONMessage) => void,
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
    if (!image) throw notFound(`No such image: ${reference}`)
    return image
  }
}
