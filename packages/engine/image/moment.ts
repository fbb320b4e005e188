import { invalidParameter } from '../base/errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  ns: 1e-6,
}

/** `until=` of filters: a Go duration back from now, unix seconds or RFC 3339; milliseconds. */
export function parseMoment(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const duration = /^(?:\d+(?:\.\d+)?(?:ns|us|ms|h|m|s))+$/.test(text)
  if (duration) {
    const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|h|m|s)/g)
    return [...parts].reduce((at, [, n, unit]) => at - Number(n) * (UNIT_MS[unit ?? ''] ?? 0), now)
  }
  const time = Date.parse(
    /^\d{4}-\d\d-\d\dT/.test(text) && !/Z|[+-]\d\d:\d\d$/.test(text) ? `${text}Z` : text,
  )
  if (Number.isNaN(time)) {
    throw invalidParameter(complaint(text))
  }
  return time
}

/** moby's words; for what looks like a date, those of Go's time package, as far as they go. */
function complaint(text: string): string {
  const failed = 'failed to parse value as time or duration'
  if (text.trim() === '') return `${failed}: value is empty`
  if (text.includes('-')) return `parsing time "${text}": cannot parse "${text}"`
  return `${failed}: invalid seconds "${text.split('.')[0]}": invalid syntax`
}
