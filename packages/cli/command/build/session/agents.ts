/** `--ssh`: agents and keys that steps may use, as buildx reads the flag. */
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { askAgent, keyAgent, serveAgent } from './ssh-agent.ts'
import { parseSshKey, type SshKey } from './ssh-key.ts'

/** Serves one connection of a step. */
export type Agent = (stream: Duplex) => Promise<void>

/** By id. `given`: values of the flag. Throws BuildKit's sentences. */
export function agentsOf(
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, Agent> {
  const agents = new Map<string, Agent>()
  for (const text of given) {
    const equals = text.indexOf('=')
    const id = (equals < 0 ? text : text.slice(0, equals)) || 'default'
    if (agents.has(id)) throw new Error(`duplicate agent ID ${JSON.stringify(id)}`)
    const paths = equals < 0 ? [] : text.slice(equals + 1).split(',')
    const named = paths.length === 0 || (paths.length === 1 && paths[0] === '')
    agents.set(id, agentAt(named ? [env['SSH_AUTH_SOCK'] ?? ''] : paths))
  }
  return agents
}

function agentAt(paths: readonly string[]): Agent {
  if (paths[0] === '')
    throw new Error('invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set')
  const sockets: string[] = []
  const keys: SshKey[] = []
  for (const path of paths) {
    if (sockets.length > 0) throw new Error('only single socket allowed')
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found) throw new Error(`stat ${path}: no such file or directory`)
    if (found.isSocket()) sockets.push(path)
    else keys.push(readKey(path))
  }
  const [socket] = sockets
  if (socket === undefined) return (stream) => serveAgent(stream, keyAgent(keys))
  if (keys.length > 0) throw new Error('invalid combination of keys and sockets')
  return (stream) => forward(stream, socket)
}

function readKey(path: string): SshKey {
  try {
    return parseSshKey(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new Error(`failed to parse ${path}: ${(error as Error).message}`, { cause: error })
  }
}

async function forward(stream: Duplex, path: string): Promise<void> {
  const socket = connect(path)
  try {
    // Told to whoever reads; until then it must not end the program.
    socket.on('error', () => {})
    stream.on('close', () => socket.destroy())
    await serveAgent(stream, askAgent(socket))
  } finally {
    socket.destroy()
  }
}
