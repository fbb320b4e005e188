import { invalidParameter } from '../base/errors.ts'

/** `name:alias` or `name`, as alias → name. Throws in moby's words (opts.ParseLink). */
export function parseLinks(links: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {}
  for (const text of links) {
    if (text === '') throw invalidParameter('empty string specified for links')
    const [name = '', alias = name, ...rest] = text.split(':')
    if (rest.length > 0) throw invalidParameter(`bad format for links: ${text}`)
    result[alias] = name
  }
  return result
}
