/** Numbers for people, as go-units writes them. */

const decimal = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** `1.22MB`: powers of 1000, `digits` significant digits. */
export function humanSize(bytes: number, digits = 4): string {
  const { value, unit } = scale(bytes, 1000, decimal)
  return significant(value, digits) + unit
}

/** `23.54GiB`: powers of 1024. */
export function binarySize(bytes: number): string {
  const { value, unit } = scale(bytes, 1024, binary)
  return significant(value, 4) + unit
}

function scale(
  bytes: number,
  base: number,
  units: readonly string[],
): { value: number; unit: string } {
  let value = bytes
  let index = 0
  for (; value >= base && index < units.length - 1; index++) value /= base
  return { value, unit: units[index] as string }
}

/** Go's `%.4g` for numbers of everyday size. */
function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)))
}

/** `About an hour`, `3 weeks`. Milliseconds in, words out. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(seconds / 3600 + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`
}

const week = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const year = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (value: number): string => String(value).padStart(2, '0')

/** `Mon Jan  2 15:04:05 2006` of an RFC 3339 time in its own zone; other text as it is. */
export function ansicTime(text: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return text
  const [, y = '', m = '', d = '', clock = ''] = match
  const date = new Date(Date.UTC(Number(y), Number(m) - 1, Number(d)))
  return `${week[date.getUTCDay()]} ${year[Number(m) - 1]} ${String(Number(d)).padStart(2)} ${clock} ${y}`
}

/** `+0000`, or with a colon `+00:00`, of the local zone at that moment. */
function offset(date: Date, colon: string): string {
  const minutes = -date.getTimezoneOffset()
  const sign = minutes < 0 ? '-' : '+'
  return `${sign}${two(Math.trunc(Math.abs(minutes) / 60))}${colon}${two(Math.abs(minutes) % 60)}`
}

function dayOf(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

function clockOf(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Go's time.Time.String of unix seconds in the local zone: `2006-01-02 15:04:05 +0000 UTC`. */
export function goTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  return `${dayOf(date)} ${clockOf(date)} ${offset(date, '')} ${zoneName(date)}`
}

function zoneName(date: Date): string {
  const name = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName')?.value
  return name === undefined || name.startsWith('GMT') ? offset(date, '').replace(/00$/, '') : name
}

/** Go's time.Time.String of an RFC 3339 time in its own zone; other text as it is. */
export function goTimeText(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return text
  const [, day, clock, fraction = '', zone = 'Z'] = match
  const digits = fraction.replace(/\.?0+$/, '')
  const offset = zone === 'Z' ? '+0000' : zone.replace(':', '')
  return `${day} ${clock}${digits} ${offset} ${offset === '+0000' ? 'UTC' : offset}`
}

/** RFC 3339 of unix seconds in the local zone. */
export function localRfc3339(seconds: number): string {
  const date = new Date(seconds * 1000)
  const zone = date.getTimezoneOffset() === 0 ? 'Z' : offset(date, ':')
  return `${dayOf(date)}T${clockOf(date)}${zone}`
}

/** RFC 3339 with nine digits, local zone, of unix nanoseconds. */
export function fixedNanoTime(nanoseconds: bigint): string {
  const billion = 1_000_000_000n
  const date = new Date(Number(nanoseconds / billion) * 1000)
  const zone = date.getTimezoneOffset() === 0 ? 'Z' : offset(date, ':')
  return `${dayOf(date)}T${clockOf(date)}.${String(nanoseconds % billion).padStart(9, '0')}${zone}`
}
