/**
 * The agent's protocol (draft-miller-ssh-agent), as far as a build may speak it: it lists keys and asks
 * for signatures. Whatever would change the agent or reach further, extensions too, is refused here, as
 * BuildKit's client refuses it.
 */
import type { Duplex } from 'node:stream'
import type { SshKey } from './ssh-key.ts'
import { SshReader, sshNumber, sshString } from './ssh-wire.ts'

const FAILURE = Buffer.from([5])
const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** OpenSSH's own limit. */
const MAX_MESSAGE = 256 * 1024

/** Answers one message. */
export type Answer = (message: Buffer) => Promise<Buffer> | Buffer

/** Serves one connection to its end, one request after the other. */
export async function serveAgent(stream: Duplex, answer: Answer): Promise<void> {
  for await (const message of messages(stream)) {
    const allowed = message[0] === REQUEST_IDENTITIES || message[0] === SIGN_REQUEST
    stream.write(sshString(allowed ? await answer(message) : FAILURE))
  }
  stream.end()
}

/** Asks another agent. */
export function askAgent(socket: Duplex): Answer {
  const answers = messages(socket)
  return async (message) => {
    socket.write(sshString(message))
    const { value, done } = await answers.next()
    if (done) throw new Error('the agent closed the connection')
    return value
  }
}

/** An agent that has just these keys. */
export function keyAgent(keys: readonly SshKey[]): Answer {
  return (message) => {
    try {
      return message[0] === REQUEST_IDENTITIES ? identities(keys) : signature(keys, message)
    } catch {
      return FAILURE
    }
  }
}

function identities(keys: readonly SshKey[]): Buffer {
  return Buffer.concat([
    Buffer.from([IDENTITIES_ANSWER]),
    sshNumber(keys.length),
    ...keys.flatMap(({ blob }) => [sshString(blob), sshString('')]),
  ])
}

function signature(keys: readonly SshKey[], message: Buffer): Buffer {
  const request = new SshReader(message.subarray(1))
  const blob = request.string()
  const data = request.string()
  const key = keys.find((known) => known.blob.equals(blob))
  if (!key) return FAILURE
  return Buffer.concat([Buffer.from([SIGN_RESPONSE]), sshString(key.sign(data, request.number()))])
}

/** Throws for what is longer than any message. */
async function* messages(stream: Duplex): AsyncGenerator<Buffer, undefined> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer])
    while (held.length >= 4) {
      const length = held.readUInt32BE(0)
      if (length === 0 || length > MAX_MESSAGE) throw new Error('a message of another size')
      if (held.length < 4 + length) break
      yield held.subarray(4, 4 + length)
      held = held.subarray(4 + length)
    }
  }
}
