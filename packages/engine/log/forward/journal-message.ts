import { DEFAULT_TAG, extraAttributes, type LogInfo, logTag } from '../driver/log-info.ts'
import type { LogEntry } from './entry.ts'

const INFO = '6'
const ERROR = '3'

/** The fields that all lines of one container carry. Throws a plain Error for a bad tag. */
export function journalFields(info: LogInfo, epoch: string): Record<string, string> {
  const tag = logTag(info, DEFAULT_TAG)
  return {
    // First: an image's labels do not speak for the engine.
    ...extraAttributes(info, journalKey),
    CONTAINER_ID: info.id.slice(0, 12),
    CONTAINER_ID_FULL: info.id,
    CONTAINER_NAME: info.name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: info.imageName,
    SYSLOG_IDENTIFIER: tag,
    CONTAINER_LOG_EPOCH: epoch,
  }
}

/** Capitals, digits and underscores, the first no underscore: what the journal accepts as a name. */
export function journalKey(key: string): string {
  return key
    .replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/[^A-Z\d]/gu, '_')
    .replace(/^_+/, '')
}

/** The native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
export function journalMessage(
  entry: LogEntry,
  fields: Readonly<Record<string, string>>,
  ordinal: number,
): Buffer {
  const { partial } = entry
  const all: Record<string, string> = {
    ...fields,
    PRIORITY: entry.stream === 2 ? ERROR : INFO,
    SYSLOG_TIMESTAMP: entry.time,
    ...(partial && {
      CONTAINER_PARTIAL_ID: partial.id,
      CONTAINER_PARTIAL_ORDINAL: String(partial.ordinal),
      CONTAINER_PARTIAL_LAST: String(partial.last),
    }),
    ...(partial && !partial.last && { CONTAINER_PARTIAL_MESSAGE: 'true' }),
    CONTAINER_LOG_ORDINAL: String(ordinal),
  }
  delete all['MESSAGE']
  const parts = Object.entries(all).flatMap(([key, value]) => field(key, Buffer.from(value)))
  return Buffer.concat([...parts, ...field('MESSAGE', entry.text)])
}

/** `KEY=value`, or with a newline in the value the length before it, 64 bit little endian. */
function field(key: string, value: Buffer): Buffer[] {
  if (key === '') return []
  if (!value.includes(0x0a)) return [Buffer.from(`${key}=`), value, NEWLINE]
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(value.length))
  return [Buffer.from(`${key}\n`), length, value, NEWLINE]
}

const NEWLINE = Buffer.from('\n')
