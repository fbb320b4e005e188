import type { LogOptions } from './options.ts'
import { fromHumanSize, goBoolean, goInteger, ramInBytes } from '../../base/size.ts'

export interface Rotation {
  /** Bytes of one file; -1 for no limit. */
  maxSize: number
  /** Files in all, the current one included. */
  maxFile: number
  compress: boolean
}

const DEFAULT_BUFFER = 1e6
const LOCAL: Rotation = { maxSize: 20 * 1024 * 1024, maxFile: 5, compress: true }

/** Options of `json-file`. Throws a plain Error in moby's words, as at a start. */
export function jsonFileRotation(config: LogOptions): Rotation {
  let maxSize = -1
  if (config['max-size'] !== undefined) {
    maxSize = fromHumanSize(config['max-size'])
    if (maxSize <= 0) throw new Error('max-size must be a positive number')
  }
  const maxFile = config['max-file'] === undefined ? 1 : goInteger(config['max-file'])
  if (maxFile < 1) throw new Error('max-file cannot be less than 1')
  const compress = config['compress'] !== undefined && goBoolean(config['compress'])
  if (compress && (maxFile === 1 || maxSize === -1))
    throw new Error('compress cannot be true when max-file is less than 2 or max-size is not set')
  return { maxSize, maxFile, compress }
}

/** Options of `local`, or with the prefix `cache-` those of the cache. Throws as above. */
export function localRotation(config: LogOptions, prefix: '' | 'cache-' = ''): Rotation {
  const option = <T>(key: string, kind: string, read: (text: string) => T, usual: T): T => {
    const text = config[`${prefix}${key}`]
    if (text === undefined) return usual
    try {
      return read(text)
    } catch (error) {
      throw new Error(`invalid ${kind} ${(error as Error).message}`, { cause: error })
    }
  }
  const named = (key: string): string => `value for ${key}: ${config[`${prefix}${key}`]}:`
  const maxSize = option('max-size', named('max-size'), fromHumanSize, LOCAL.maxSize)
  const maxFile = option('max-file', named('max-file'), goInteger, LOCAL.maxFile)
  const compress = option('compress', 'boolean value for compress:', goBoolean, LOCAL.compress)
  if (maxSize < 0) throw new Error('max-size must not be negative')
  if (maxFile < 0) throw new Error('max-file must not be negative')
  // moby's cache knows no options; so this one is not an error there.
  if (compress && maxFile <= 1 && prefix === '')
    throw new Error('compression cannot be enabled when max file count is 1')
  // 0 bytes are no limit, 0 files are one.
  return {
    maxSize: maxSize === 0 ? -1 : maxSize,
    maxFile: Math.max(maxFile, 1),
    compress: compress && maxFile > 1,
  }
}

/** Bytes that non-blocking delivery may lag before lines are dropped; undefined in blocking mode. */
export function bufferLimit(config: LogOptions): number | undefined {
  if (config['mode'] !== 'non-blocking') return undefined
  const size = config['max-buffer-size']
  return size === undefined ? DEFAULT_BUFFER : ramInBytes(size)
}
