/** What shows when variables are expanded, and in FROM. */
import {
  formatPlatform,
  InvalidPlatform,
  normalizePlatform,
  parsePlatform,
  parseReference,
  type Platform,
} from '@tdocker/oci'
import type { Dockerfile, Lines, Stage } from '../instruction.ts'
import { defaultArgs, type GlobalArgs } from '../global-args.ts'
import { nearest } from '../suggest.ts'
import type { Suggest } from './suggestions.ts'
import { type Environment, type Expansion, expandWord } from '../words.ts'
import type { Report } from './report.ts'

/** Arguments that never become variables. */
const NO_VARIABLES: ReadonlySet<string> = new Set([
  'BUILDKIT_SBOM_SCAN_CONTEXT',
  'BUILDKIT_SBOM_SCAN_STAGE',
])

/** UndefinedVar. `declared`: the ARGs of the stage, with a value or not. */
export function checkUndefined(
  unmatched: Iterable<string>,
  declared: ReadonlySet<string>,
  env: Environment,
  lines: Lines,
  report: Report,
  suggest: Suggest = nearest,
): void {
  for (const name of unmatched) {
    if (declared.has(name) || NO_VARIABLES.has(name)) continue
    report('UndefinedVar', lines, name, suggest(name, env.keys()))
  }
}

/** UndefinedArgInFrom, of the base or the platform of FROM. */
export function checkFromArgs(
  unmatched: Iterable<string>,
  global: GlobalArgs,
  lines: Lines,
  report: Report,
  suggest: Suggest = nearest,
): void {
  const { declared, env } = global
  for (const name of unmatched) {
    if (declared.has(name) || env.has(name)) continue
    report('UndefinedArgInFrom', lines, name, suggest(name, keysOf(declared, env)))
  }
}

function* keysOf(...maps: ReadonlyArray<ReadonlyMap<string, unknown>>): Generator<string> {
  for (const map of maps) yield* map.keys()
}

/** RedundantTargetPlatform and FromPlatformFlagConstDisallowed. */
export function checkPlatform(
  { platform, name, lines }: Stage,
  expansion: Expansion,
  env: Environment,
  report: Report,
): void {
  const { text, matched, unmatched } = expansion
  if (matched.size === 1 && unmatched.size === 0 && matched.has('TARGETPLATFORM')) {
    if (text === env.get('TARGETPLATFORM')) report('RedundantTargetPlatform', lines, platform)
  }
  if (matched.size > 0 || unmatched.size > 0) return
  const parsed = findPlatform(text)
  if (!parsed || name.includes(parsed.os) || name.includes(parsed.architecture)) return
  report('FromPlatformFlagConstDisallowed', lines, text)
}

function findPlatform(text: string): Platform | undefined {
  try {
    return parsePlatform(text)
  } catch (error) {
    if (error instanceof InvalidPlatform) return undefined
    throw error
  }
}

/** InvalidBaseImagePlatform: what came is not what was asked for. `image` as the FROM names it. */
export function checkBaseImagePlatform(
  image: string,
  expected: Platform,
  actual: Platform,
  lines: Lines,
  report: Report,
): void {
  if (expected.os === actual.os && expected.architecture === actual.architecture) return
  const name = (platform: Platform): string => formatPlatform(normalizePlatform(platform))
  report('InvalidBaseImagePlatform', lines, image, name(expected), name(actual))
}

/** InvalidDefaultArgInFrom: bases as they were if no build argument had been given. */
export function checkDefaultBases(
  file: Pick<Dockerfile, 'args' | 'stages' | 'escape'>,
  predefined: Environment,
  report: Report,
): void {
  const global = defaultArgs(file, predefined)
  if (!global) return
  for (const { base, lines } of file.stages) {
    let text: string
    try {
      text = expandWord(base, global.env, file.escape).text
    } catch {
      return
    }
    if (!isReference(text)) report('InvalidDefaultArgInFrom', lines, base)
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
