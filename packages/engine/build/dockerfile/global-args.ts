/** The ARGs before the first FROM, with their values. */
import { type Arg, type Dockerfile, DockerfileError, type Lines } from './instruction.ts'
import { type Environment, type ExpandOptions, type ExpansionBudget, expandWord } from './words.ts'

export interface GlobalArgs {
  /** What FROM sees: predefined variables and ARGs that have a value. */
  env: Map<string, string>
  /** Every ARG, also one without a value; of one declared twice the last. */
  declared: Map<string, DeclaredArg>
}

export interface DeclaredArg extends Arg {
  lines: Lines
  /** Arguments that its value is made of. */
  uses: ReadonlySet<string>
}

/**
 * `predefined`: TARGETPLATFORM and its like. `buildArgs`: of `--build-arg`; they win over defaults,
 * which are not even expanded then. Throws DockerfileError.
 */
export function globalArgs(
  file: Pick<Dockerfile, 'args' | 'escape'>,
  predefined: Environment,
  buildArgs: Environment,
  budget?: ExpansionBudget,
): GlobalArgs {
  const words = { escape: file.escape, ...(budget && { budget }) }
  const env = new Map(predefined)
  const declared = new Map<string, DeclaredArg>()
  for (const { args, lines } of file.args) {
    for (const arg of args) {
      const found = valueOf(arg, lines, words, env, buildArgs)
      const uses = new Set(found.uses)
      // `ARG a=${a}x` is made of what the earlier `a` was made of.
      if (uses.delete(arg.key)) {
        for (const name of declared.get(arg.key)?.uses ?? []) uses.add(name)
      }
      const { value: _, ...rest } = arg
      const { value } = found
      declared.set(arg.key, { ...rest, ...(value !== undefined && { value }), lines, uses })
      if (value !== undefined) env.set(arg.key, value)
    }
  }
  return { env, declared }
}

function valueOf(
  { key, value }: Arg,
  lines: Lines,
  words: ExpandOptions,
  env: Environment,
  buildArgs: Environment,
): { value?: string; uses?: ReadonlySet<string> } {
  const given = buildArgs.get(key)
  if (given !== undefined) return { value: given }
  if (value === undefined) return {}
  try {
    const { text, matched } = expandWord(value, env, words)
    return { value: text, uses: matched }
  } catch (error) {
    throw new DockerfileError((error as Error).message, lines, { cause: error })
  }
}

/** As `globalArgs` without build arguments; undefined where a default cannot be expanded. */
export function defaultArgs(
  file: Pick<Dockerfile, 'args' | 'escape'>,
  predefined: Environment,
): GlobalArgs | undefined {
  try {
    return globalArgs(file, predefined, new Map())
  } catch {
    return undefined
  }
}
