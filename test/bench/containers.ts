/** The verbs that several cases share; each throws for an answer that is none. */
import type { BenchOptions, Engine } from './cases.ts'

export const API = '/v1.41'

export async function create(
  engine: Engine,
  o: BenchOptions,
  mode: string,
  cmd: string[],
): Promise<string> {
  const { status, body, text } = await engine.api.post<{ Id: string }>(`${API}/containers/create`, {
    Image: o.image,
    Cmd: cmd,
    HostConfig: { NetworkMode: mode },
  })
  if (status !== 201) throw new Error(`create: ${status} ${text}`)
  return body.Id
}

export async function post(engine: Engine, path: string, wanted: number): Promise<void> {
  const { status, text } = await engine.api.post(`${API}${path}`)
  if (status !== wanted) throw new Error(`${path}: ${status} ${text}`)
}

export async function remove(engine: Engine, id: string): Promise<void> {
  await engine.api.delete(`${API}/containers/${id}?force=1&v=1`)
}
