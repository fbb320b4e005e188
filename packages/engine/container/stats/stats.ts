import type { ContainerStatsResponse } from '@tdocker/api'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { StatsCollector } from './collector.ts'
import { emptySample, takeSample, withPrevious } from './sample.ts'

export interface StatsOptions {
  stream: boolean
  oneShot: boolean
  signal: AbortSignal
}

export function statsCollector(ctx: Context): StatsCollector {
  return new StatsCollector({
    clock: ctx.clock,
    cpu: () => ctx.hostUsage.cpu(),
    sample: (c, cpu) => sampleOrEmpty(ctx, c, cpu),
  })
}

/** `GET /containers/{id}/stats`. */
export async function containerStats(
  ctx: Context,
  collector: StatsCollector,
  reference: string,
  o: StatsOptions,
): Promise<AsyncIterable<ContainerStatsResponse>> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (!o.stream && !c.live) return once(emptySample(c))
  if (!o.stream && o.oneShot) return once(takeSample(ctx, c))
  return o.stream ? watch(collector, c, o.signal) : second(collector, c, o.signal)
}

/** Under a listener nothing may throw: zeros stand for what could not be read. */
function sampleOrEmpty(
  ctx: Context,
  c: Container,
  cpu: ReturnType<Context['hostUsage']['cpu']>,
): ContainerStatsResponse {
  try {
    return takeSample(ctx, c, cpu)
  } catch (err) {
    ctx.log.error({ container: c.id, err }, 'stats not read')
    return emptySample(c)
  }
}

async function* once(sample: ContainerStatsResponse): AsyncIterable<ContainerStatsResponse> {
  yield sample
}

/** Two readings, one answer. */
async function* second(
  collector: StatsCollector,
  c: Container,
  signal: AbortSignal,
): AsyncIterable<ContainerStatsResponse> {
  let first = true
  for await (const sample of watch(collector, c, signal)) {
    if (!first) return yield sample
    first = false
  }
}

/** A reader slower than a second a sample misses samples, and memory stays bounded. */
async function* watch(
  collector: StatsCollector,
  c: Container,
  signal: AbortSignal,
): AsyncIterable<ContainerStatsResponse> {
  let latest: ContainerStatsResponse | undefined
  let ended = signal.aborted
  let wake = (): void => {}
  const end = (): void => {
    ended = true
    wake()
  }
  signal.addEventListener('abort', end, { once: true })
  using _listening = collector.listen(c, (sample) => {
    if (sample) latest = sample
    else ended = true
    wake()
  })
  let previous: ContainerStatsResponse | undefined
  try {
    while (!ended) {
      const sample = latest
      latest = undefined
      if (sample) {
        yield withPrevious(sample, previous)
        previous = sample
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', end)
  }
}
