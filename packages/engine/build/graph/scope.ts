/** Which variables an instruction sees: ENV of the image so far, ARG in scope, and those always there. */
import { type Platform, formatPlatform } from '@tdocker/oci'

/** Usable without `ARG`; in neither history nor cache key unless declared. */
export const PROXY_ARGS: readonly string[] = [
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'FTP_PROXY',
  'ftp_proxy',
  'NO_PROXY',
  'no_proxy',
  'ALL_PROXY',
  'all_proxy',
]

export type BuildArgs = Readonly<Record<string, string | null>>

/** `TARGETPLATFORM` and its kin: known before the first FROM, in a stage once declared. */
export function platformArgs(
  target: Platform,
  build: Platform,
  stage: string,
): Map<string, string> {
  const of = (prefix: string, platform: Platform): Array<[string, string]> => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
  return new Map([...of('BUILD', build), ...of('TARGET', target), ['TARGETSTAGE', stage]])
}

/** Arguments before the first FROM, and what they are in the stages that declare them again. */
export class GlobalArgs {
  readonly #given: BuildArgs
  readonly #predefined: ReadonlyMap<string, string>
  readonly #values = new Map<string, string>()
  readonly consumed: Set<string> = new Set()

  constructor(given: BuildArgs, predefined: ReadonlyMap<string, string>) {
    this.#given = given
    this.#predefined = predefined
  }

  declare(key: string, value: string | undefined): void {
    this.consumed.add(key)
    const given = this.#given[key] ?? value
    if (given !== undefined) this.#values.set(key, given)
  }

  /** What FROM sees. */
  environment(): Map<string, string> {
    return new Map([...this.#predefined, ...this.#values])
  }

  /** Of `ARG key` in a stage: the user's, the default, the global one, the predefined one. */
  valueOf(key: string, value: string | undefined): string | undefined {
    this.consumed.add(key)
    return this.#given[key] ?? value ?? this.#values.get(key) ?? this.#predefined.get(key)
  }

  /** Of one that the build itself listens to. */
  take(key: string): string | undefined {
    this.consumed.add(key)
    return this.#given[key] ?? this.#values.get(key)
  }

  proxies(): Map<string, string> {
    return new Map(
      PROXY_ARGS.flatMap((key) => {
        const value = this.#given[key]
        return typeof value === 'string' ? [[key, value] as const] : []
      }),
    )
  }

  /** Given, and never declared. */
  unused(): string[] {
    return Object.keys(this.#given)
      .filter((key) => !this.consumed.has(key) && !PROXY_ARGS.includes(key))
      // Words to the builder: most ask for what is always so here.
      .filter((key) => !key.startsWith('BUILDKIT_'))
      .toSorted()
  }
}

export function environmentOf(env: readonly string[] = []): Map<string, string> {
  return new Map(
    env.map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}
