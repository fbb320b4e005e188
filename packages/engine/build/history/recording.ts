/** One build, noted down as its trace tells of it. */
import type { BuildRecord, BuildStep } from '@tdocker/api'
import type { BuildOptions } from '../build-backend.ts'
import type { SolveStatus, Vertex } from '../solve/trace.ts'
import { Redaction } from './redaction.ts'

/** More is cut. */
const MAX_NAME = 500
const MAX_ERROR = 2000
const MAX_STEPS = 2000

type Told = Pick<
  BuildOptions,
  'buildArgs' | 'client' | 'dockerfile' | 'noCache' | 'platform' | 'remote' | 'tags' | 'target'
>

export type BuildEnd =
  { status: 'completed'; imageId: string } | { status: 'error' | 'canceled'; error: string }

export class Recording {
  readonly id: string
  readonly createdAt: number
  readonly #told: Told
  readonly #redaction: Redaction
  readonly #steps = new Map<string, BuildStep>()
  #warnings = 0
  #completedAt: number | undefined
  #end: BuildEnd | undefined

  constructor(id: string, told: Told, now: number) {
    this.id = id
    this.createdAt = now
    this.#told = told
    this.#redaction = new Redaction(told.buildArgs)
  }

  /** A trace's listener. */
  readonly listen = ({ vertexes = [], warnings = [] }: SolveStatus): void => {
    this.#warnings += warnings.length
    for (const vertex of vertexes) this.#note(vertex)
  }

  end(end: BuildEnd, now: number): void {
    this.#end = end
    this.#completedAt = now
  }

  record(now: number): BuildRecord {
    const { buildArgs, client, dockerfile, noCache, platform, remote, tags, target } = this.#told
    const file = dockerfile || 'Dockerfile'
    const steps = [...this.#steps.values()]
    const counted = steps.filter(({ Name }) => !/^(\[internal\]|exporting|importing) /.test(Name))
    const completed = counted.filter(
      ({ CompletedAt, Error }) => CompletedAt !== null && Error === '',
    )
    const end = this.#end
    return {
      Id: this.id,
      Name: tags[0] || (target === '' ? file : `${file} (${target})`),
      Status: end?.status ?? 'running',
      CreatedAt: new Date(this.createdAt).toISOString(),
      CompletedAt:
        this.#completedAt === undefined ? null : new Date(this.#completedAt).toISOString(),
      DurationMs: (this.#completedAt ?? now) - this.createdAt,
      TotalSteps: counted.length,
      CompletedSteps: completed.length,
      CachedSteps: completed.filter(({ Cached }) => Cached).length,
      Warnings: this.#warnings,
      Tags: [...tags],
      ImageId: end?.status === 'completed' ? end.imageId : '',
      Context: this.#redaction.address(remote),
      Dockerfile: file,
      Target: target,
      Platform: platform,
      NoCache: noCache,
      BuildArgs: Object.keys(buildArgs).toSorted(),
      Client: cut(client, MAX_NAME),
      Error: end && 'error' in end ? this.#clean(end.error, MAX_ERROR) : '',
      Steps: steps,
    }
  }

  /** A step is named first as it is written, then with its variables' values, which are not kept. */
  #note({ digest, name, started, completed, cached, error }: Vertex): void {
    const known = this.#steps.get(digest)
    if (!known && this.#steps.size >= MAX_STEPS) return
    const isNamed = known !== undefined && known.Name !== ''
    this.#steps.set(digest, {
      Name: isNamed ? known.Name : this.#clean(name, MAX_NAME),
      StartedAt: started ?? null,
      CompletedAt: completed ?? null,
      Cached: cached ?? false,
      Error: error === undefined ? '' : this.#clean(error, MAX_ERROR),
    })
  }

  #clean(text: string, most: number): string {
    // Not all of what is long is looked at, but more than is kept: no half of a value is left at the end.
    return cut(this.#redaction.text(text.slice(0, 4 * most)), most)
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
