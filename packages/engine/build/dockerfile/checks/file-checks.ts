/** What shows in the file as it stands, before any value is known. */
import type { Dockerfile, Lines, Stage } from '../instruction.ts'
import type { Node } from '../node.ts'
import { type Report } from './report.ts'

/** StageNameCasing and FromAsCasing. */
export function checkFrom({ keyword, args }: Node, lines: Lines, report: Report): void {
  const [, as, name] = args
  if (args.length === 3 && name !== name!.toLowerCase()) report('StageNameCasing', lines, name!)
  if (args.length < 3 || !isOneCase(keyword)) return
  const wanted = keyword === keyword.toLowerCase() ? as!.toLowerCase() : as!.toUpperCase()
  if (as !== wanted) report('FromAsCasing', lines, keyword, as!)
}

/** InvalidDefinitionDescription: the last comment above should be about one of `names`. */
export function checkDescription(
  keyword: 'FROM' | 'ARG',
  names: readonly string[],
  comments: readonly string[],
  lines: Lines,
  report: Report,
): void {
  const comment = comments.at(-1)
  const [first] = names
  if (comment === undefined || first === undefined) return
  if (names.includes(comment.split(' ', 1)[0]!)) return
  report('InvalidDefinitionDescription', lines, keyword, names.length > 1 ? '<arg_key>' : first)
}

/** ReservedStageName and DuplicateStageName. */
export function checkStageNames(stages: readonly Stage[], report: Report): void {
  const seen = new Set<string>()
  for (const { name, lines } of stages) {
    if (name === '') continue
    if (name === 'context' || name === 'scratch') report('ReservedStageName', lines, name)
    if (seen.has(name)) report('DuplicateStageName', lines, name)
    seen.add(name)
  }
}

/** ConsistentInstructionCasing. */
export function checkCasing({ stages }: Pick<Dockerfile, 'stages'>, report: Report): void {
  const keywords = stages.flatMap((stage) => [
    { keyword: stage.keyword, lines: stage.lines },
    ...stage.instructions.map(({ name, lines }) => ({ keyword: name, lines })),
  ])
  const consistent = keywords.filter(({ keyword }) => isOneCase(keyword))
  const lower = consistent.filter(({ keyword }) => keyword === keyword.toLowerCase()).length
  const toLower = lower > consistent.length - lower
  for (const { keyword, lines } of keywords) {
    const wanted = toLower ? keyword.toLowerCase() : keyword.toUpperCase()
    if (keyword === wanted) continue
    report('ConsistentInstructionCasing', lines, keyword, toLower ? 'lowercase' : 'uppercase')
  }
}

function isOneCase(text: string): boolean {
  return text === text.toLowerCase() || text === text.toUpperCase()
}
