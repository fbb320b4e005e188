/** Slash-separated paths as Go's path package has them; nothing here looks at a file. */

/** path.Clean: no `//`, `.` or inner `..`, no slash at the end; `.` for nothing. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!rooted) parts.push(part)
  }
  return (rooted ? '/' : '') + parts.join('/') || '.'
}

/** path.Base: the last element; `/` for nothing but slashes, `.` for nothing at all. */
export function baseName(path: string): string {
  if (path === '') return '.'
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  if (end === 0) return '/'
  return path.slice(path.lastIndexOf('/', end - 1) + 1, end)
}
