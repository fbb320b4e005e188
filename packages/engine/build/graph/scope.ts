/** Which variables an instruction sees: ENV of the image so far, ARG in scope, and those always there. */
import { type Platform, formatPlatform } from '@tdocker/oci'
import { globalArgs } from '../dockerfile/global-args.ts'
import type { Dockerfile } from '../dockerfile/instruction.ts'
import type { ExpansionBudget } from '../dockerfile/words.ts'

/** Usable without `ARG`; in neither history nor cache key unless declared. */
const PROXY_ARGS: readonly string[] = ['http', 'https', 'ftp', 'no', 'all'].flatMap((scheme) => [
  `${scheme.toUpperCase()}_PROXY`,
  `${scheme}_proxy`,
])

/** Meant for the builder: they say how to build, and no `ARG` needs to name them. */
const BUILDER_ARG = /^(?:BUILDKIT_[A-Z_]+|SOURCE_DATE_EPOCH)$/

/** Never variables, even declared. */
const NO_VARIABLES: ReadonlySet<string> = new Set([
  'BUILDKIT_SBOM_SCAN_CONTEXT',
  'BUILDKIT_SBOM_SCAN_STAGE',
])

export type BuildArgs = Readonly<Record<string, string | null>>

/** `TARGETPLATFORM` and its kin: known before the first FROM, in a stage once declared. */
export function platformArgs(
  target: Platform,
  build: Platform,
  /** The target's name; empty without one. */
  stage: string,
): Map<string, string> {
  const of = (prefix: string, platform: Platform): Array<[string, string]> => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
  return new Map([
    ...of('BUILD', build),
    ...of('TARGET', target),
    ['TARGETSTAGE', stage || 'default'],
  ])
}

/** Arguments before the first FROM, and what they are in the stages that declare them again. */
export class GlobalArgs {
  readonly #given: ReadonlyMap<string, string>
  readonly #names: readonly string[]
  readonly #environment: ReadonlyMap<string, string>
  readonly #consumed = new Set<string>()
  /** `TARGETPLATFORM` and its kin as the user may have set them. */
  readonly predefined: ReadonlyMap<string, string>

  /** `predefined`: see `platformArgs`. Throws DockerfileError. */
  constructor(
    file: Pick<Dockerfile, 'args' | 'escape'>,
    given: BuildArgs,
    predefined: ReadonlyMap<string, string>,
    budget?: ExpansionBudget,
  ) {
    this.#given = new Map(
      Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== null),
    )
    this.#names = Object.keys(given)
    this.predefined = new Map(
      [...predefined].map(([key, value]) => [key, this.#given.get(key) ?? value]),
    )
    const { env, declared } = globalArgs(file, this.predefined, this.#given, budget)
    this.#environment = env
    for (const key of [...predefined.keys(), ...declared.keys()]) this.#consumed.add(key)
  }

  /** What `--build-arg` gave a value. */
  given(): ReadonlyMap<string, string> {
    return this.#given
  }

  /** What FROM sees. */
  environment(): ReadonlyMap<string, string> {
    return this.#environment
  }

  /**
   * Of `ARG key` in a stage: the user's, the default, the global or predefined one; undefined also
   * for one that never is a variable.
   */
  valueOf(key: string, value: string | undefined): string | undefined {
    this.#consumed.add(key)
    if (NO_VARIABLES.has(key)) return undefined
    return this.#given.get(key) ?? value ?? this.#environment.get(key)
  }

  /** Of one that the build itself listens to. */
  take(key: string): string | undefined {
    this.#consumed.add(key)
    return this.#given.get(key) ?? this.#environment.get(key)
  }

  /** In the environment of RUN: each in both cases, as programs differ in which they look at. */
  proxies(): Map<string, string> {
    const given = [...this.#given].filter(([key]) => PROXY_ARGS.includes(key))
    return new Map([...given.map(([key, value]) => [otherCase(key), value] as const), ...given])
  }

  /** Given, and never declared. */
  unused(): string[] {
    return this.#names
      .filter((key) => !this.#consumed.has(key) && !PROXY_ARGS.includes(key))
      .filter((key) => !BUILDER_ARG.test(key))
      .toSorted()
  }
}

function otherCase(key: string): string {
  return key === key.toUpperCase() ? key.toLowerCase() : key.toUpperCase()
}

export function environmentOf(env: readonly string[] = []): Map<string, string> {
  return new Map(
    env.map((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}
