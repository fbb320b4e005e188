/** What an engine takes while it does something: peak of its memory, and processor time. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Engine } from './cases.ts'
import type { Results } from './measure.ts'

/** Records both beside the samples of `metric`; answers what `body` does. */
export async function observed<T>(
  o: { engine: Engine; results: Results; metric: string },
  body: () => Promise<T>,
): Promise<T> {
  const { engine, results, metric } = o
  // Sets the peak back to what is held now; proc_pid_clear_refs(5).
  for (const pid of engine.pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const before = processorSeconds(engine)
  const answer = await body()
  const seconds = processorSeconds(engine) - before
  results.add(`${metric}: CPU`, 's', engine.name, [seconds])
  results.add(`${metric}: peak RSS`, 'MiB', engine.name, [peakMemory(engine)])
  return answer
}

/** MiB, of the daemon and of what serves it; programs that it runs come on top and are not seen. */
function peakMemory({ pids }: Engine): number {
  const peaks = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? NaN) / 1024
  })
  return peaks.reduce((sum, one) => sum + one, 0)
}

/** Ticks are hundredths of a second; with those of its children that it has waited for. */
function processorSeconds({ pids }: Engine): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // utime, stime, cutime, cstime; the name in brackets may have spaces (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  })
  return ticks.reduce((sum, one) => sum + one, 0) / 100
}
