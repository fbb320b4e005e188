/** Path of a volume's operations. */
export function volumePath(name: string): string {
  if (name.trim() === '') throw new Error('invalid volume name or ID: value is empty')
  return `/volumes/${encodeURIComponent(name)}`
}
