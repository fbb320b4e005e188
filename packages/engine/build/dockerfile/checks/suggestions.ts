/** "did you mean", for as many findings as people read. */
import { nearest } from '../suggest.ts'

export type Suggest = (word: string, options: Iterable<string>) => string | undefined

/** Each takes a look at all names: of thousands of findings the later ones go without. */
const MAX_SUGGESTIONS = 100

export function fewSuggestions(): Suggest {
  let given = 0
  return (word, options) => (given++ < MAX_SUGGESTIONS ? nearest(word, options) : undefined)
}
