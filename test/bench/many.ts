/** Cases of many containers: listed and inspected, and run side by side. */
import type { BenchOptions, Engine } from './cases.ts'
import { API, create, post, remove } from './containers.ts'
import { now, type Results, timed } from './measure.ts'

const LISTED = 200
const RUNS = 50
const AT_ONCE = 8

export async function listCase(engine: Engine, results: Results, o: BenchOptions): Promise<void> {
  const ids: string[] = []
  const list: number[] = []
  const inspect: number[] = []
  try {
    for (let i = 0; i < LISTED; i++) ids.push(await create(engine, o, 'bridge', ['true']))
    for (let i = 0; i < 15; i++)
      list.push(await timed(() => engine.api.get(`${API}/containers/json?all=1`)))
    for (const id of ids)
      inspect.push(await timed(() => engine.api.get(`${API}/containers/${id}/json`)))
  } finally {
    await eachOf(ids, 4, (id) => remove(engine, id))
  }
  results.add(`list of ${LISTED}`, 'ms', engine.name, list)
  results.add('inspect', 'ms', engine.name, inspect)
}

/** Fails when one of them does. */
export async function parallelCase(
  engine: Engine,
  results: Results,
  o: BenchOptions,
): Promise<void> {
  const begin = now()
  await eachOf(Array.from({ length: RUNS }), AT_ONCE, async () => {
    const id = await create(engine, o, 'bridge', ['true'])
    await post(engine, `/containers/${id}/start`, 204)
    await post(engine, `/containers/${id}/wait`, 200)
    await remove(engine, id)
  })
  results.add(`${RUNS} runs, ${AT_ONCE} at once, bridge`, '/s', engine.name, [
    (RUNS * 1000) / (now() - begin),
  ])
}

async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
