/** What a RUN with heredocs runs. */
import { chompTabs, findHeredoc } from '../dockerfile/heredoc.ts'
import type { CommandLine } from '../dockerfile/instruction.ts'

export interface RunScript {
  words: string[]
  /** A file with an interpreter of its own, at `/dev/pipes/NAME`. */
  script: { name: string; data: string } | undefined
}

/** A lone heredoc is the script itself; several, or one among words, go to the shell as written. */
export function runScript({ words, files }: CommandLine): RunScript {
  const [line = ''] = words
  const [file] = files
  if (!file) return { words: [...words], script: undefined }
  if (!findHeredoc(line)) {
    const bodies = files.map(({ name, data }) => `\n${data}${name}`).join('')
    return { words: [`${line}${bodies}`], script: undefined }
  }
  const data = file.chomp ? chompTabs(file.data) : file.data
  if (!data.startsWith('#!')) return { words: [data], script: undefined }
  return { words: [`/dev/pipes/${file.name}`], script: { name: file.name, data } }
}
