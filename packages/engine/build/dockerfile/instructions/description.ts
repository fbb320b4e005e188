/** Comments above a stage or an argument that describe it. */

/** The comment that begins with `name`, without it. */
export function describedBy(comments: readonly string[], name: string): string {
  if (name === '') return ''
  const found = comments.find((comment) => comment.startsWith(`${name} `))
  return found?.slice(name.length + 1) ?? ''
}
