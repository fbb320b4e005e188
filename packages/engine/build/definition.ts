/** A build's Dockerfile: read, its target found, the stages that are needed known. */
import { type Platform, hostPlatform, parsePlatform } from '@tdocker/oci'
import { type EngineError, invalidParameter } from '../base/errors.ts'
import type { BuildOptions } from './build-backend.ts'
import { ContextNames } from './context/context-names.ts'
import { parseCheckOptions } from './dockerfile/checks/options.ts'
import { type Source, excerpt } from './dockerfile/excerpt.ts'
import { type CheckOptions, type Dockerfile, DockerfileError } from './dockerfile/instruction.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import type { ExpansionBudget } from './dockerfile/words.ts'
import { expansionBudget } from './graph/fold.ts'
import { GlobalArgs, platformArgs } from './graph/scope.ts'
import { type PlannedStage, StagePlan } from './graph/stages.ts'

export interface Definition {
  dockerfile: Dockerfile
  contexts: ContextNames
  source: Source
  globals: GlobalArgs
  /** Of all expansions of the build. */
  budget: ExpansionBudget
  plan: StagePlan
  /** What the target needs, in the order of the file. */
  stages: readonly PlannedStage[]
}

type Options = Pick<
  BuildOptions,
  'buildArgs' | 'contexts' | 'platform' | 'target' | 'quiet' | 'trace' | 'dockerfile'
>

/** Throws invalidParameter, its cause what is wrong with the Dockerfile. */
export function readDefinition(o: Options, source: Source): Definition {
  return told(o, source, () => {
    const contexts = new ContextNames(o.contexts)
    const dockerfile = contexts.override(parse(o, source.text))
    const budget = expansionBudget()
    const globals = globalsOf(o, dockerfile, budget)
    const plan = new StagePlan(dockerfile, globals, budget)
    return { dockerfile, contexts, source, globals, budget, plan, stages: plan.neededFor(o.target) }
  })
}

/** The file alone, whatever its target. Throws as `readDefinition`. */
export function readFile(o: Options, source: Source): Dockerfile {
  return told(o, source, () => parse(o, source.text))
}

export function globalsOf(
  o: Pick<Options, 'buildArgs' | 'platform' | 'target'>,
  dockerfile: Dockerfile,
  budget: ExpansionBudget,
): GlobalArgs {
  const target = o.platform === '' ? hostPlatform() : platformOf(o.platform)
  const stage = o.target || (dockerfile.stages.at(-1)?.name ?? '')
  return new GlobalArgs(
    dockerfile,
    o.buildArgs,
    platformArgs(target, hostPlatform(), stage),
    budget,
  )
}

function told<T>(o: Options, source: Source, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof DockerfileError ? clientError(o, source, error) : error
  }
}

/** In moby's words; below them where, unless a display shows that or nothing is to be said. */
function clientError(o: Options, source: Source, error: DockerfileError): EngineError {
  const sentence = error.isSyntax
    ? `failed to parse ${o.dockerfile || 'Dockerfile'}: ${error.message}`
    : error.message
  const where = o.quiet || o.trace ? '' : excerpt(source, error.lines)
  return invalidParameter([sentence, where].filter(Boolean).join('\n').trimEnd(), error)
}

function parse(o: Options, text: string): Dockerfile {
  const check = checkOf(o)
  const dockerfile = parseDockerfile(text, check && { check })
  checkSyntax(o.buildArgs['BUILDKIT_SYNTAX']?.trim().split(' ', 1)[0] || dockerfile.syntax)
  return dockerfile
}

function checkOf({ buildArgs }: Options): CheckOptions | undefined {
  const given = buildArgs['BUILDKIT_DOCKERFILE_CHECK']
  if (typeof given !== 'string') return undefined
  try {
    return parseCheckOptions(given)
  } catch (error) {
    throw invalidParameter(`failed to parse check options: ${(error as Error).message}`, error)
  }
}

const BUILT_IN =
  /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::(?:1(?:\.\d+)*(?:-labs)?|labs|latest|master|master-labs))?(?:@sha256:[0-9a-f]{64})?$/

/** The language is built in: no image of a frontend is run. */
function checkSyntax(syntax: string | undefined): void {
  if (syntax === undefined || BUILT_IN.test(syntax)) return
  throw invalidParameter(
    `# syntax=${syntax}: other frontends than docker/dockerfile:1 are not supported`,
  )
}

function platformOf(text: string): Platform {
  try {
    return parsePlatform(text)
  } catch (error) {
    throw invalidParameter((error as Error).message, error)
  }
}
