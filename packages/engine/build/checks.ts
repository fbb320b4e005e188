/** The checks of a Dockerfile in a build: warnings, or an error where `# check=error=true` asks for it. */
import type { Platform } from '@tdocker/oci'
import { hostPlatform, parsePlatform } from '@tdocker/oci'
import { invalidParameter } from '../base/errors.ts'
import type { IgnoreFile } from './context/ignore-file.ts'
import type { Definition } from './definition.ts'
import { type BaseImage, type Findings, findWarnings } from './dockerfile/checks/find-warnings.ts'
import { violations } from './dockerfile/checks/report.ts'
import { formatSummary, shortWarning } from './dockerfile/excerpt.ts'
import type { Dockerfile, Warning } from './dockerfile/instruction.ts'
import type { GlobalArgs } from './graph/scope.ts'
import { environmentOf } from './graph/scope.ts'
import type { BuildImages } from './needs.ts'
import type { Build } from './solve/build.ts'
import type { TracedStep } from './solve/build-trace.ts'
import { NamedImages } from './solve/named-images.ts'

export interface CheckContext {
  images: Pick<BuildImages, 'find'>
  /** Of the build: empty for the host's. */
  platform: string
  globals: GlobalArgs
  ignore: IgnoreFile | undefined
}

/** `target`: a stage's name or index; empty for all stages. */
export function findings(
  ctx: CheckContext,
  dockerfile: Dockerfile,
  target: string | number,
): Findings {
  return findWarnings(dockerfile, {
    ...(target !== '' && { target }),
    predefined: ctx.globals.predefined,
    buildArgs: ctx.globals.given(),
    ...(ctx.ignore && { ignore: ctx.ignore.rules }),
    imageOf: (base, platform) => imageOf(ctx, base, platform),
  })
}

function imageOf(ctx: CheckContext, base: string, platform: string): BaseImage | undefined {
  const wanted = platform || ctx.platform
  try {
    const image = ctx.images.find(base, wanted === '' ? undefined : wanted)
    if (!image) return undefined
    const { os, architecture, variant, config } = image.config
    const actual: Platform = { os: os || 'linux', architecture, ...(variant && { variant }) }
    return {
      env: environmentOf(config?.Env),
      shellSet: (config?.Shell?.length ?? 0) > 0,
      platform: actual,
      expected: wanted === '' ? hostPlatform() : parsePlatform(wanted),
    }
  } catch {
    // No name of an image, or one of another platform: the build says so.
    return undefined
  }
}

/** What a build warns of: of the stages it needs, once the images they begin with are here. */
export function warningsOf(
  build: Build,
  definition: Definition,
  ignore: IgnoreFile | undefined,
): Warning[] {
  const { images, options } = build
  const { globals, dockerfile } = definition
  const ctx = { images, platform: options.platform, globals, ignore }
  const target = definition.stages.at(-1)!.index
  return findings(ctx, dockerfile, target).warnings
}

/** Before anything is built: fetches images, as the checks look into them. Throws invalidParameter. */
export async function checkFirst(
  build: Build,
  definition: Definition,
  ignore: IgnoreFile | undefined,
  step: TracedStep,
): Promise<void> {
  const images = new NamedImages(build, definition.contexts, build.options.signal)
  for (const { base, platform } of definition.stages)
    if (typeof base === 'string')
      await images.base(base, platform, (message) => build.options.progress(message))
  const warnings = warningsOf(build, definition, ignore)
  const violated = violations(warnings)
  if (violated === undefined) return
  traceWarnings(warnings, step)
  const { quiet, trace } = build.options
  const listed = quiet || trace ? [] : warnings.map((each) => ` - ${shortWarning(each)}`)
  throw invalidParameter([violated, ...listed].join('\n'))
}

/** `step`: that of the Dockerfile. */
export function tellWarnings(build: Build, warnings: readonly Warning[], step: TracedStep): void {
  const stream = formatSummary(warnings)
  if (stream !== '') build.options.progress({ stream })
  traceWarnings(warnings, step)
}

function traceWarnings(warnings: readonly Warning[], step: TracedStep): void {
  for (const warning of warnings) {
    const { description, url, lines } = warning
    const short = shortWarning(warning)
    step.warn({ level: 1, short, detail: [description], url, ...(lines.start > 0 && { lines }) })
  }
}
