/** What a build gives back to its client: fetched while the build waits, and put where `-o` says. */
import { createWriteStream, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Cli } from '../../cli.ts'
import type { Output, Target } from './parse-output.ts'

/** Of messages about outputs, in the stream of a build. */
export const OUTPUT_MESSAGE = 'tdocker.output'

export type Metadata = Record<string, unknown>

interface Told {
  Index: number
  /** Where it is to be fetched. */
  Path?: string
  /** Of an output that is done. */
  Metadata?: Metadata
}

export class Receiver {
  readonly #cli: Cli
  readonly #outputs: readonly Output[]
  readonly #received = new Set<number>()
  /** Of all outputs together, as buildx' metadata file has it. */
  readonly metadata: Metadata = {}

  constructor(cli: Cli, outputs: readonly Output[]) {
    this.#cli = cli
    this.#outputs = outputs
  }

  /** Its bytes are for stdout: nothing else is. */
  get usesStdout(): boolean {
    return this.#outputs.some(({ target }) => target?.kind === 'stdout')
  }

  async take(message: object): Promise<void> {
    const { Index, Path, Metadata } = message as Told
    Object.assign(this.metadata, Metadata)
    const target = this.#outputs[Index]?.target
    if (Path === undefined || !target) return
    await this.#put(await this.#cli.client.request('GET', Path), target)
    this.#received.add(Index)
  }

  /** Throws for a daemon that knows nothing of outputs. */
  finish(): void {
    const missing = this.#outputs.findIndex(
      ({ target }, at) => target !== undefined && !this.#received.has(at),
    )
    const type = this.#outputs[missing]?.wire.Type
    if (type !== undefined) throw new Error(`the daemon gave no output of type ${type}`)
  }

  async #put(body: Readable, target: Target): Promise<void> {
    switch (target.kind) {
      case 'stdout':
        return pipeline(body, this.#cli.stdout, { end: false })
      case 'file':
        return writeFile(body, target.path)
      case 'directory':
        return unpack(body, target.path)
    }
  }
}

/** Whole or not at all, unless the path is a device, a pipe, or a link to whatever it is. */
async function writeFile(body: Readable, path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there && !there.isFile()) return pipeline(body, createWriteStream(path))
  const temporary = `${path}.tmp-${process.pid}`
  try {
    await pipeline(body, createWriteStream(temporary, { flags: 'wx' }))
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

async function unpack(body: Readable, path: string): Promise<void> {
  const [{ readTar }, { unpackTree }] = await Promise.all([
    import('../../../archive/tar-reader.ts'),
    import('../../../archive/unpack.ts'),
  ])
  mkdirSync(path, { recursive: true })
  await unpackTree(readTar(body), resolve(path), (name) => name, { insideOnly: true })
}
