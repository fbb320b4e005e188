const TEXTS: Readonly<Record<number, string>> = {
  1: 'operation not permitted',
  2: 'no such file or directory',
  5: 'input/output error',
  7: 'argument list too long',
  8: 'exec format error',
  11: 'resource temporarily unavailable',
  12: 'cannot allocate memory',
  13: 'permission denied',
  16: 'device or resource busy',
  17: 'file exists',
  18: 'invalid cross-device link',
  19: 'no such device',
  20: 'not a directory',
  21: 'is a directory',
  22: 'invalid argument',
  23: 'too many open files in system',
  24: 'too many open files',
  26: 'text file busy',
  28: 'no space left on device',
  30: 'read-only file system',
  36: 'file name too long',
  38: 'function not implemented',
  40: 'too many levels of symbolic links',
  6: 'no such device or address',
  15: 'block device required',
  95: 'operation not supported',
  107: 'transport endpoint is not connected',
  110: 'connection timed out',
  111: 'connection refused',
  113: 'no route to host',
  122: 'disk quota exceeded',
}

/** Go's words for an errno, as Docker's messages carry them. */
export function errnoText(errno: number): string {
  return TEXTS[errno] ?? `errno ${errno}`
}
