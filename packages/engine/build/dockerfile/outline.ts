/**
 * `--call=targets` and `--call=outline`: what a Dockerfile offers to whoever builds it. Nothing is
 * pulled for it, so that variables of a base image count as not set.
 */
import { StageLinks } from './stage-links.ts'
import { type GlobalArgs, globalArgs } from './global-args.ts'
import {
  type Dockerfile,
  DockerfileError,
  type Instruction,
  type Lines,
  type Stage,
} from './instruction.ts'
import { parseRunMount } from './run-mount.ts'
import { table } from './table.ts'
import { type Environment, expandWord } from './words.ts'

export interface Target {
  name: string
  default: boolean
  description: string
  base: string
  platform: string
  lines: Lines
}

export function targetsOf({ stages }: Dockerfile): Target[] {
  return stages.map(({ name, description, base, platform, lines }, index) => ({
    name,
    default: index === stages.length - 1,
    description,
    base,
    platform,
    lines,
  }))
}

export function formatTargets(targets: readonly Target[]): string {
  const name = (target: Target): string =>
    target.default ? `${target.name} (default)`.trimStart() : target.name
  return table(
    [['TARGET', 'DESCRIPTION'], ...targets.map((target) => [name(target), target.description])],
    1,
  )
}

export interface Outline {
  /** Of the target, empty without one. */
  name: string
  description: string
  args: Array<{ name: string; value: string; description: string; lines: Lines }>
  secrets: Demand[]
  ssh: Demand[]
}

/** A secret or an agent that some RUN mounts. */
export interface Demand {
  name: string
  required: boolean
  lines: Lines
}

export interface OutlineOptions {
  /** Name of a stage; the last one without it. */
  target?: string
  predefined: Environment
  buildArgs: Environment
}

/** What the target and all stages that it needs take. Throws DockerfileError. */
export function outlineOf(file: Dockerfile, options: OutlineOptions): Outline {
  const global = globalArgs(file, options.predefined, options.buildArgs)
  const states = new StageStates(file, global, options.buildArgs)
  const target = states.links.find(options.target ?? '')
  const found = states.collect(target)
  const { name, description } = file.stages[target]!
  return { name, description, ...found }
}

export function formatOutline({ name, description, args, secrets, ssh }: Outline): string {
  const blocks: string[] = []
  if (name !== '' || description !== '') {
    const rows = [['TARGET:', name || '(default)']]
    if (description !== '') rows.push(['DESCRIPTION:', description])
    blocks.push(table(rows, 1))
  }
  if (args.length > 0) {
    const rows = args.map((arg) => [arg.name, arg.value, arg.description])
    blocks.push(table([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...rows], 3))
  }
  for (const [title, demands] of [
    ['SECRET', secrets],
    ['SSH', ssh],
  ] as const) {
    if (demands.length === 0) continue
    const rows = demands.map((demand) => [demand.name, demand.required ? 'true' : ''])
    blocks.push(table([[title, 'REQUIRED'], ...rows], 3))
  }
  return blocks.map((block) => `${block}\n`).join('')
}

interface ArgInfo {
  value: string
  description: string
  lines: Lines
  uses: ReadonlySet<string>
}

/** What one stage takes, by name. */
interface StageState {
  env: Map<string, string>
  args: Map<string, ArgInfo>
  used: Set<string>
  secrets: Map<string, Demand>
  ssh: Map<string, Demand>
}

class StageStates {
  readonly #file: Dockerfile
  readonly #global: GlobalArgs
  readonly #buildArgs: Environment
  readonly links: StageLinks
  readonly #states: StageState[] = []

  constructor(file: Dockerfile, global: GlobalArgs, buildArgs: Environment) {
    this.#file = file
    this.#global = global
    this.#buildArgs = buildArgs
    this.links = new StageLinks(file, global.env)
    for (const stage of file.stages) {
      this.#states.push(inLines(stage.lines, () => this.#begin(stage)))
    }
  }

  /** Of the stage and all that it needs, each name once, in the order of lines. */
  collect(target: number): Pick<Outline, 'args' | 'secrets' | 'ssh'> {
    const needed = this.links.neededBy(target)
    // Stages go on where those before them end; what is wrong in others is not looked at.
    for (const index of needed) this.#run(index)
    const args = new Map<string, Outline['args'][0]>()
    const secrets = new Map<string, Demand>()
    const ssh = new Map<string, Demand>()
    for (const index of needed.toReversed()) {
      const state = this.#states[index]!
      for (const name of usedBy(state)) {
        const info = state.args.get(name)
        if (!info || args.has(name)) continue
        const { value, description, lines } = info
        args.set(name, { name, value, description, lines })
      }
      for (const [name, demand] of state.secrets) if (!secrets.has(name)) secrets.set(name, demand)
      for (const [name, demand] of state.ssh) if (!ssh.has(name)) ssh.set(name, demand)
    }
    return { args: inOrder(args), secrets: inOrder(secrets), ssh: inOrder(ssh) }
  }

  #run(index: number): void {
    const state = this.#states[index]!
    const base = this.links.baseOf(index)
    if (base !== undefined) state.env = new Map(this.#states[base]!.env)
    for (const instruction of this.#file.stages[index]!.instructions) {
      inLines(instruction.lines, () => this.#add(state, instruction))
    }
  }

  #begin({ base: written, platform }: Stage): StageState {
    const { escape } = this.#file
    const base = expandWord(written, this.#global.env, escape)
    const used = new Set(base.matched)
    if (platform !== '') {
      for (const name of expandWord(platform, this.#global.env, escape).matched) used.add(name)
    }
    return {
      env: new Map(),
      args: this.#declared(),
      used,
      secrets: new Map(),
      ssh: new Map(),
    }
  }

  #declared(): Map<string, ArgInfo> {
    const declared = [...this.#global.declared]
    return new Map(declared.map(([name, { value = '', ...arg }]) => [name, { ...arg, value }]))
  }

  #add(state: StageState, instruction: Instruction): void {
    const expand = (word: string): string => expandWord(word, state.env, this.#file.escape).text
    switch (instruction.kind) {
      case 'env':
        for (const [key, value] of instruction.pairs.map((p) => [expand(p.key), expand(p.value)])) {
          state.env.set(key!, value!)
        }
        break
      case 'arg':
        for (const arg of instruction.args) this.#addArg(state, arg, instruction.lines, expand)
        break
      case 'run':
        for (const mount of instruction.mounts) this.#addMount(state, mount, instruction, expand)
        break
      default:
    }
  }

  #addArg(
    state: StageState,
    { key, value: written, description }: Extract<Instruction, { kind: 'arg' }>['args'][0],
    lines: Lines,
    expand: (word: string) => string,
  ): void {
    const given = this.#buildArgs.get(key)
    const inherited = written === undefined && given === undefined && this.#global.env.get(key)
    const own = given ?? (written === undefined ? undefined : expand(written))
    const value = typeof inherited === 'string' ? inherited : own
    if (value !== undefined) state.env.set(key, value)
    if (typeof inherited !== 'string') {
      state.args.set(key, { value: value ?? '', description, lines, uses: new Set() })
    }
    state.used.add(key)
  }

  #addMount(
    state: StageState,
    text: string,
    { lines }: Instruction,
    expand: (word: string) => string,
  ): void {
    const mount = parseRunMount(text, expand)
    if (mount.type === 'secret' || mount.type === 'ssh') {
      const demands = mount.type === 'secret' ? state.secrets : state.ssh
      const { id: name, required } = mount
      if (!demands.has(name)) demands.set(name, { name, required, lines })
    }
  }
}

/** Its arguments and those their values are made of. */
function usedBy({ used, args }: StageState): Set<string> {
  const all = new Set(used)
  for (const name of all) for (const other of args.get(name)?.uses ?? []) all.add(other)
  return all
}

function inOrder<T extends { lines: Lines }>(found: ReadonlyMap<string, T>): T[] {
  return [...found.values()].sort((a, b) => a.lines.start - b.lines.start)
}

function inLines<T>(lines: Lines, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new DockerfileError((error as Error).message, lines, { cause: error })
  }
}
