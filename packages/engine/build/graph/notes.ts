/** What moby's builder remarks on while it reads on. */
import type { Instruction } from '../dockerfile/instruction.ts'
import type { RuntimeConfig } from '../needs.ts'

/** Empty for nothing; `config` is what holds before the instruction. */
export function noteOn(instruction: Instruction, config: RuntimeConfig): string {
  const test = config.Healthcheck?.Test ?? []
  if (instruction.kind !== 'healthcheck' || test.length === 0 || test[0] === 'NONE') return ''
  return `Note: overriding previous HEALTHCHECK: [${test.join(' ')}]\n`
}
