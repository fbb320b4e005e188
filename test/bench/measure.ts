/** Samples, medians and the table: what every case of the benchmark shares. */

export const now = (): number => Number(process.hrtime.bigint()) / 1e6

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Milliseconds that `body` takes. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const begin = now()
  await body()
  return now() - begin
}

export interface Metric {
  unit: string
  /** Rates are better when larger; times and sizes when smaller. */
  larger: boolean
}

/** Values by engine name. */
export class Results {
  readonly #samples = new Map<string, Map<string, number[]>>()
  readonly #metrics = new Map<string, Metric>()
  readonly #engines: readonly string[]

  constructor(engines: readonly string[]) {
    this.#engines = engines
  }

  add(metric: string, unit: string, engine: string, values: readonly number[]): void {
    this.#metrics.set(metric, { unit, larger: unit.endsWith('/s') })
    const byEngine = this.#samples.get(metric) ?? new Map<string, number[]>()
    this.#samples.set(metric, byEngine)
    byEngine.set(engine, [...(byEngine.get(engine) ?? []), ...values])
  }

  /** Above 1: the engine is better than the reference (the first). */
  ratio(metric: string, engine: string): number {
    const value = this.value(metric, engine)
    const reference = this.value(metric, this.#engines[0]!)
    return this.#metrics.get(metric)?.larger ? value / reference : reference / value
  }

  value(metric: string, engine: string): number {
    return median(this.#samples.get(metric)?.get(engine) ?? [])
  }

  table(): string {
    const head = [
      'case',
      ...this.#engines,
      ...this.#engines.slice(1).map((name) => `${name} ratio`),
    ]
    const rows = [...this.#metrics].map(([name, { unit }]) => [
      name,
      ...this.#engines.map((engine) => `${format(this.value(name, engine))} ${unit}`),
      ...this.#engines.slice(1).map((engine) => `${format(this.ratio(name, engine))}×`),
    ])
    const widths = head.map((_, column) =>
      Math.max(...[head, ...rows].map((row) => row[column]!.length)),
    )
    return [head, ...rows]
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd(),
      )
      .join('\n')
  }

  json(): object {
    return Object.fromEntries(
      [...this.#metrics].map(([name, { unit }]) => [
        name,
        {
          unit,
          ...Object.fromEntries(this.#engines.map((engine) => [engine, this.value(name, engine)])),
        },
      ]),
    )
  }
}

function format(value: number): string {
  if (Number.isNaN(value)) return '–'
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
