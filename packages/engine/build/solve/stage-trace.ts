/** Names of a stage's steps, as BuildKit gives them: `[build 2/5] RUN make`. */
import { canonicalString, parseReference, withDefaultTag } from '@tdocker/oci'
import type { Instruction } from '../dockerfile/instruction.ts'
import type { PlannedStage } from '../graph/stages.ts'
import { type BuildTrace, type TracedStep, silentStep } from './build-trace.ts'

const SHOWN: ReadonlySet<Instruction['kind']> = new Set(['run', 'copy', 'add', 'workdir'])

const LONE_HEREDOC = /^<<-?["']?[^"'<\s]+["']?$/

/** Those that only change the config are not shown. */
export class StageTrace {
  /** FROM; silent for scratch and for a stage. */
  readonly base: TracedStep
  /** What those that build on this stage wait for. */
  readonly last: string | undefined
  readonly #trace: BuildTrace
  readonly #stage: string
  readonly #place: string
  readonly #steps = new Map<Instruction, TracedStep>()
  readonly #triggers = new Set<Instruction>()
  /** Numbers given so far. */
  #given = 0
  #total: number

  /** `single`: the Dockerfile has no other stage; `input`: what it builds on. */
  constructor(
    trace: BuildTrace,
    { stage, base, index }: PlannedStage,
    o: { single: boolean; input: string | undefined },
  ) {
    this.#trace = trace
    this.#place = `stage ${index}`
    this.#stage = o.single ? '' : `${stage.name || `stage-${index}`} `
    const shown = stage.instructions.filter(({ kind }) => SHOWN.has(kind))
    const isImage = typeof base === 'string' && base !== 'scratch'
    this.#total = shown.length + (isImage ? 1 : 0)
    let last = o.input
    const add = (name: string, place: string): TracedStep => {
      const inputs = last === undefined ? [] : [last]
      const step = this.#trace.step(`${this.#place} ${place}`, this.#named(name), inputs)
      step.announce()
      last = step.digest
      return step
    }
    this.base = isImage ? add(`FROM ${fullName(base)}`, 'base') : silentStep()
    for (const [at, each] of shown.entries())
      this.#steps.set(each, add(sourceOf(each), `step ${at}`))
    this.last = last
    this.#given = isImage ? 1 : 0
  }

  /** Steps that the base image asks for come before the others, which get higher numbers. */
  addTriggers(triggers: readonly Instruction[]): void {
    const shown = triggers.filter(({ kind }) => SHOWN.has(kind))
    this.#total += shown.length
    for (const [at, each] of shown.entries()) {
      this.#triggers.add(each)
      this.#steps.set(
        each,
        this.#trace.step(`${this.#place} trigger ${at}`, '', [this.base.digest]),
      )
    }
  }

  /** Of an instruction whose turn has come; `text`: it, with its variables expanded. */
  begin(instruction: Instruction, text: string): TracedStep {
    const step = this.#steps.get(instruction)
    if (!step) return silentStep()
    step.rename(this.#named(this.#triggers.has(instruction) ? `ONBUILD ${text}` : text))
    return step
  }

  #named(text: string): string {
    if (this.#total === 0) return text
    const number = String(++this.#given).padStart(String(this.#total).length)
    return `[${this.#stage}${number}/${this.#total}] ${text}`
  }
}

/** With the first line of a heredoc that is the script itself. */
export function sourceOf(instruction: Instruction): string {
  const [keyword = '', ...rest] = instruction.source.split(' ')
  const text = [keyword.toUpperCase(), ...rest].join(' ')
  if (instruction.kind !== 'run') return text
  const { words, files } = instruction.command
  const [file] = files
  if (!file || files.length > 1 || !LONE_HEREDOC.test((words[0] ?? '').trim())) return text
  const { data } = file
  const lines = data.trim().split(/\r?\n/)
  return `${text} (${lines[0]}${lines.length > 1 ? '...' : ''})`
}

function fullName(name: string): string {
  try {
    return canonicalString(withDefaultTag(parseReference(name)))
  } catch {
    return name
  }
}
