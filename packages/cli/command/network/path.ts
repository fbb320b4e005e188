/** Path of a network's operations. */
export function networkPath(name: string): string {
  if (name.trim() === '') throw new Error('invalid network name or ID: value is empty')
  return `/networks/${encodeURIComponent(name)}`
}
