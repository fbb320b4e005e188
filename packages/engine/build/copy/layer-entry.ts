/** Entries of a layer that is being written: names, times, and what is told already. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import type { CopyOperation } from '../graph/operation.ts'

/** What a layer tells already; names without a slash before them, a character for each byte. */
export class WrittenPaths {
  readonly #types = new Map<string, 'directory' | 'other'>()

  /** undefined where it is the first of that name. */
  take(name: string, tarType: string): 'same' | 'otherwise' | undefined {
    const type = tarType === '5' ? 'directory' : 'other'
    const known = this.#types.get(name)
    if (known === undefined) this.#types.set(name, type)
    else return known === type ? 'same' : 'otherwise'
    return undefined
  }
}

/** In a layer such a name is a deletion. */
export function refuseWhiteout({ instruction }: CopyOperation, path: string): void {
  if (!path.includes('.wh.') || !path.split('/').some((part) => part.startsWith('.wh.'))) return
  throw invalidParameter(
    `${instruction} failed: ${path}: names that begin with .wh. cannot be in an image's layer`,
  )
}

export function entryName(path: string, type: string): string {
  return type === '5' ? `${nameOf(path)}/` : nameOf(path)
}

/** Entry names have no slash before them. */
export function nameOf(path: string): string {
  return posix.resolve('/', path).slice(1)
}

export function latin1(path: string): string {
  return Buffer.from(path).toString('latin1')
}

export function text(path: string): string {
  return Buffer.from(path, 'latin1').toString()
}

export function now(): string {
  return String(Math.floor(Date.now() / 1000))
}

/** As a tar tells a time. */
export function secondsOf(ns: bigint): string {
  const seconds = ns / 1_000_000_000n
  const rest = ns % 1_000_000_000n
  if (ns < 0n || rest === 0n) return String(seconds)
  return `${seconds}.${String(rest).padStart(9, '0').replace(/0+$/, '')}`
}
