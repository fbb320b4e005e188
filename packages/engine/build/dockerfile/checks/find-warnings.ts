/**
 * All checks of a build in one go, without building: stage after stage as the build would go, with
 * what is known of the images they begin with. For `--check`, and for the warnings of a build.
 */
import type { Platform } from '@tdocker/oci'
import { parseExposedPorts } from '../exposed-ports.ts'
import { type GlobalArgs, globalArgs } from '../global-args.ts'
import {
  type Dockerfile,
  DockerfileError,
  type Instruction,
  type Lines,
  type Stage,
  type Warning,
} from '../instruction.ts'
import { parseRunMount } from '../run-mount.ts'
import { StageLinks } from '../stage-links.ts'
import {
  type Environment,
  expandInlineFile,
  type ExpandOptions,
  expandWord,
  expandWords,
} from '../words.ts'
import { type Report, reportTo } from './report.ts'
import { fewSuggestions } from './suggestions.ts'
import {
  checkIgnored,
  checkInstruction,
  type IgnoreRules,
  newStage,
  type StageSoFar,
} from './stage-checks.ts'
import {
  checkBaseImagePlatform,
  checkDefaultBases,
  checkFromArgs,
  checkPlatform,
  checkUndefined,
} from './variable-checks.ts'

/** What is known of an image. */
export interface BaseImage {
  env: Environment
  shellSet: boolean
  platform: Platform
  /** What was asked for. */
  expected: Platform
}

export interface FindOptions {
  /** A stage's name or index; without it all stages are looked at. */
  target?: string | number
  /** TARGETPLATFORM and its like. */
  predefined: Environment
  buildArgs: Environment
  /** `.dockerignore` of the context. */
  ignore?: IgnoreRules
  /** undefined for an image that is not here: its variables then count as not set. */
  imageOf(base: string, platform: string): BaseImage | undefined
}

export interface Findings {
  /** Those of the file included. */
  warnings: Warning[]
  /** What is wrong with it, found on the way. */
  error?: DockerfileError
}

export function findWarnings(file: Dockerfile, options: FindOptions): Findings {
  const warnings = [...file.warnings]
  try {
    new Finder(file, options, warnings).run()
    return { warnings }
  } catch (error) {
    if (error instanceof DockerfileError) return { warnings, error }
    throw error
  }
}

interface State {
  env: Map<string, string>
  declared: Set<string>
  soFar: StageSoFar
  shellSet: boolean
}

/** Characters that all expansions together may make. */
const MAX_CHARACTERS = 64 * 1024 * 1024

class Finder {
  readonly #file: Dockerfile
  readonly #words: ExpandOptions & { budget: { left: number } }
  readonly #options: FindOptions
  readonly #warnings: Warning[]
  readonly #suggest = fewSuggestions()
  readonly #states = new Map<number, State>()

  constructor(file: Dockerfile, options: FindOptions, warnings: Warning[]) {
    this.#file = file
    this.#words = { escape: file.escape, budget: { left: MAX_CHARACTERS } }
    this.#options = options
    this.#warnings = warnings
  }

  run(): void {
    const { stages, check } = this.#file
    const { predefined, buildArgs, target } = this.#options
    checkDefaultBases(this.#file, predefined, reportTo(this.#warnings, check))
    const global = globalArgs(this.#file, predefined, buildArgs)
    const bases = stages.map((stage) => atLines(stage, () => this.#from(stage, global)))
    const links = new StageLinks(this.#file, global.env)
    const all =
      target === undefined
        ? [...stages.keys()]
        : links.neededBy(typeof target === 'number' ? target : links.find(target))
    // Images come first: what is wrong in a stage does not hide what is wrong with another's.
    for (const index of all) {
      const base = links.baseOf(index)
      if (base === undefined) this.#states.set(index, this.#image(stages[index]!, bases[index]!))
    }
    for (const index of all) this.#stage(index, links.baseOf(index), global)
  }

  #report(of: { check?: Stage['check'] }): Report {
    return reportTo(this.#warnings, this.#file.check, of.check)
  }

  #from(stage: Stage, global: GlobalArgs): { base: string; platform: string } {
    const report = this.#report(stage)
    const base = expandWord(stage.base, global.env, this.#words)
    checkFromArgs(base.unmatched, global, stage.lines, report, this.#suggest)
    if (base.text === '') throw new Error(`base name (${stage.base}) should not be blank`)
    if (stage.platform === '') return { base: base.text, platform: '' }
    const platform = expandWord(stage.platform, global.env, this.#words)
    checkFromArgs(platform.unmatched, global, stage.lines, report, this.#suggest)
    checkPlatform(stage, platform, global.env, report)
    if (platform.text === '') {
      throw new Error(`empty platform value from expression ${stage.platform}`)
    }
    return { base: base.text, platform: platform.text }
  }

  #image({ lines }: Stage, { base, platform }: { base: string; platform: string }): State {
    const image = base === 'scratch' ? undefined : this.#options.imageOf(base, platform)
    if (image) {
      const report = this.#report({})
      checkBaseImagePlatform(base, image.expected, image.platform, lines, report)
    }
    // PATH is always set.
    const env = new Map([['PATH', ''], ...(image?.env ?? [])])
    return { env, declared: new Set(), soFar: newStage(), shellSet: image?.shellSet ?? false }
  }

  #stage(index: number, base: number | undefined, global: GlobalArgs): void {
    const state = base === undefined ? this.#states.get(index)! : continued(this.#states.get(base)!)
    this.#states.set(index, state)
    for (const instruction of this.#file.stages[index]!.instructions) {
      atLines(instruction, () => this.#instruction(instruction, state, global))
    }
  }

  #instruction(instruction: Instruction, state: State, global: GlobalArgs): void {
    const report = this.#report(instruction)
    const expand = (word: string): string => {
      const { text, unmatched } = expandWord(word, state.env, this.#words)
      this.#checkUndefined(unmatched, state, instruction.lines, report)
      return text
    }
    const expanded = this.#expanded(instruction, state, expand, report)
    checkInstruction(expanded, state.soFar, state.shellSet, report)
    if (expanded.kind === 'shell') state.shellSet = true
    if (expanded.kind === 'env') {
      for (const { key, value } of expanded.pairs) state.env.set(key, value)
    }
    if (expanded.kind === 'arg') this.#args(expanded, state, global, expand)
  }

  #checkUndefined(
    unmatched: Iterable<string>,
    { declared, env }: State,
    lines: Lines,
    report: Report,
  ): void {
    checkUndefined(unmatched, declared, env, lines, report, this.#suggest)
  }

  /** As the build sees it; with the checks that belong to its words. */
  #expanded(
    instruction: Instruction,
    state: State,
    expand: (word: string) => string,
    report: Report,
  ): Instruction {
    const { lines } = instruction
    switch (instruction.kind) {
      case 'env':
      case 'label': {
        const pairs = instruction.pairs.map((pair) => ({
          ...pair,
          key: expand(pair.key),
          value: expand(pair.value),
        }))
        return { ...instruction, pairs }
      }
      case 'user':
      case 'workdir':
      case 'stopsignal':
        return { ...instruction, value: expand(instruction.value) }
      case 'volume':
        instruction.paths.forEach(expand)
        break
      case 'run':
        for (const mount of instruction.mounts) parseRunMount(mount, expand)
        break
      case 'expose': {
        const words = instruction.ports.flatMap((port) => expandWords(port, state.env, this.#words))
        parseExposedPorts(words, lines, report)
        break
      }
      case 'copy':
      case 'add':
        this.#files(instruction, state, expand, report)
        break
      default:
    }
    return instruction
  }

  #files(
    instruction: Extract<Instruction, { kind: 'copy' | 'add' }>,
    state: State,
    expand: (word: string) => string,
    report: Report,
  ): void {
    const { kind, lines, chown, chmod, destination } = instruction
    for (const word of [chown, chmod, ...(kind === 'add' ? [instruction.checksum] : [])]) {
      expand(word)
    }
    const sources = instruction.sources.map(expand)
    expand(destination)
    for (const file of instruction.files) {
      if (!file.expand) continue
      const { unmatched } = expandInlineFile(file.data, state.env, this.#words.budget)
      this.#checkUndefined(unmatched, state, lines, report)
    }
    if (kind === 'copy' && instruction.from !== '') return
    for (const source of sources) {
      if (kind === 'add' && /^(?:https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(source)) continue
      checkIgnored(kind, source, this.#options.ignore, lines, report)
    }
  }

  #args(
    { args }: Extract<Instruction, { kind: 'arg' }>,
    state: State,
    global: GlobalArgs,
    expand: (word: string) => string,
  ): void {
    for (const { key, value } of args) {
      const given = this.#options.buildArgs.get(key)
      const own = given ?? (value === undefined ? global.env.get(key) : expand(value))
      if (own !== undefined) state.env.set(key, own)
      state.declared.add(key)
    }
  }
}

function continued({ env, declared, soFar, shellSet }: State): State {
  return { env: new Map(env), declared: new Set(declared), soFar: newStage(soFar), shellSet }
}

function atLines<T>({ lines }: Pick<Stage, 'lines'>, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new DockerfileError((error as Error).message, lines, { cause: error })
  }
}
