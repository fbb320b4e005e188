import { spawnSync } from 'node:child_process'
import type { Hijacked } from '../client/client.ts'
import { Demultiplexer } from '../client/stdcopy.ts'
import { defaultDetachKeys, EscapeFilter, parseDetachKeys } from './escape.ts'

/** The user typed the detach sequence. */
export class DetachError extends Error {
  constructor() {
    super('read escape sequence')
  }
}

export interface SessionOptions {
  readonly connection: Hijacked
  readonly tty: boolean
  /** Absent: nothing is read, our side of the connection is closed at once. */
  readonly stdin?: NodeJS.ReadStream | undefined
  readonly stdout?: NodeJS.WritableStream | undefined
  readonly stderr?: NodeJS.WritableStream | undefined
  readonly detachKeys: string
}

/** A running exchange between the user's streams and a process's. */
export interface Session {
  /** Resolves when the output has ended; rejects with DetachError. */
  readonly done: Promise<void>
  /** Gives up: restores the terminal, closes the connection; `done` resolves. */
  close(): void
}

/**
 * Copies stdin to the connection and the connection to stdout and stderr. End of stdin closes only
 * our direction, output goes on until the process ends. With a tty the terminal is in raw mode
 * until the session is over, however it ends.
 */
export function startSession(options: SessionOptions): Session {
  const { connection, tty, stdin } = options
  const restore = tty && stdin ? makeRaw(stdin) : () => {}
  let detach: (error: Error) => void = () => {}
  const detached = new Promise<never>((_, reject) => {
    detach = reject
  })
  const stopInput = stdin ? copyInput(stdin, options, detach) : endInput(connection)
  const finish = (): void => {
    stopInput()
    restore()
    connection.socket.destroy()
  }
  const done = Promise.race([copyOutput(options), detached]).finally(finish)
  return { done, close: finish }
}

function endInput({ socket }: Hijacked): () => void {
  socket.end()
  return () => {}
}

function makeRaw(stdin: NodeJS.ReadStream): () => void {
  if (!stdin.isTTY) return () => {}
  const restore = (): void => {
    process.off('exit', restore)
    stdin.setRawMode(false)
  }
  stdin.setRawMode(true)
  passOutputThrough()
  process.on('exit', restore)
  return restore
}

/**
 * The raw mode of Node and Bun still turns \n into \r\n, but the container's own tty has done so
 * already, and a full-screen program means a bare \n as "down". Leaving raw mode undoes this too.
 */
function passOutputThrough(): void {
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
}

function copyInput(
  stdin: NodeJS.ReadStream,
  { connection, tty, detachKeys }: SessionOptions,
  detach: (error: Error) => void,
): () => void {
  const { socket } = connection
  const filter = tty
    ? new EscapeFilter(parseDetachKeys(detachKeys || defaultDetachKeys))
    : undefined
  const onData = (chunk: Buffer | string): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const { pass, detached } = filter?.push(bytes) ?? { pass: bytes, detached: false }
    if (pass.length > 0 && !socket.write(pass)) stdin.pause()
    if (detached) detach(new DetachError())
  }
  const onEnd = (): void => void socket.end()
  const onDrain = (): void => void stdin.resume()
  stdin.on('data', onData).once('end', onEnd).once('error', onEnd)
  socket.on('drain', onDrain)
  return () => {
    stdin.off('data', onData).off('end', onEnd).off('error', onEnd).pause()
    socket.off('drain', onDrain)
  }
}

async function copyOutput({ connection, tty, stdout, stderr }: SessionOptions): Promise<void> {
  const { socket, head } = connection
  const full = new Set<NodeJS.WritableStream>()
  const write = (to: NodeJS.WritableStream | undefined, payload: Buffer): void => {
    if (!to || to.write(payload) || full.has(to)) return
    // A slow reader of ours slows the daemon, instead of filling our memory.
    full.add(to)
    socket.pause()
    to.once('drain', () => {
      full.delete(to)
      if (full.size === 0) socket.resume()
    })
  }
  const frames = new Demultiplexer((stream, payload) =>
    write(stream === 2 ? stderr : stdout, payload),
  )
  const take = (chunk: Buffer): void => (tty ? write(stdout ?? stderr, chunk) : frames.push(chunk))
  await new Promise<void>((resolve, reject) => {
    const guard = (chunk: Buffer): void => {
      try {
        take(chunk)
      } catch (error) {
        reject(error as Error)
      }
    }
    socket.on('data', guard)
    socket.once('end', resolve)
    socket.once('close', () => resolve())
    // The daemon may drop the connection of a process that is gone: the output is over.
    socket.once('error', () => resolve())
    if (head.length > 0) guard(head)
  })
}
