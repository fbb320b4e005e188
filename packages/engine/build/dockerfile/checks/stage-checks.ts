/** What shows when a stage is built, instruction by instruction, once variables have values. */
import { cleanPath } from '../../../base/slash-path.ts'
import type { Instruction, Lines } from '../instruction.ts'
import type { Report } from './report.ts'

/** What one stage has had so far; each stage has its own. */
export interface StageSoFar {
  cmd?: Lines
  entrypoint?: Lines
  healthcheck?: Lines
  /** A WORKDIR was here, or in the stage this one begins with. */
  workdir: boolean
}

/** Of a stage that begins with an image, or with a stage that has had `base`. */
export function newStage(base?: StageSoFar): StageSoFar {
  return { workdir: base?.workdir ?? false }
}

/**
 * Checks that need nothing but the instruction, its variables expanded, and what came before it in
 * the stage. `shellSet`: SHELL or the base image have set one.
 */
export function checkInstruction(
  instruction: Instruction,
  stage: StageSoFar,
  shellSet: boolean,
  report: Report,
): void {
  const { lines, name } = instruction
  switch (instruction.kind) {
    case 'env':
    case 'label':
      for (const { key, legacy } of instruction.pairs) {
        if (legacy) report('LegacyKeyValueFormat', lines, name)
        if (instruction.kind === 'env') checkSecret('ENV', key, lines, report)
      }
      break
    case 'arg':
      for (const { key } of instruction.args) checkSecret('ARG', key, lines, report)
      break
    case 'cmd':
    case 'entrypoint':
      checkOnce(instruction.kind, name, lines, stage, report)
      if (instruction.command.shell && !shellSet) report('JSONArgsRecommended', lines, name)
      break
    case 'healthcheck':
      checkOnce('healthcheck', name, lines, stage, report)
      break
    case 'workdir':
      if (!stage.workdir && !instruction.value.startsWith('/')) {
        report('WorkdirRelativePath', lines, instruction.value)
      }
      stage.workdir = true
      break
    default:
  }
}

/** The earlier one is told of: it is the one without effect. */
function checkOnce(
  kind: 'cmd' | 'entrypoint' | 'healthcheck',
  name: string,
  lines: Lines,
  stage: StageSoFar,
  report: Report,
): void {
  const earlier = stage[kind]
  if (earlier) report('MultipleInstructionsDisallowed', earlier, name)
  stage[kind] = lines
}

const SECRET =
  /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i

function checkSecret(keyword: 'ARG' | 'ENV', key: string, lines: Lines, report: Report): void {
  if (SECRET.test(key) && !HARMLESS.test(key)) report('SecretsUsedInArgOrEnv', lines, keyword, key)
}

/** As the graph sees `.dockerignore`. */
export interface IgnoreRules {
  hasExceptions: boolean
  patterns: ReadonlyArray<{ text: string }>
  matches(path: string): boolean
}

/**
 * CopyIgnoredFile, for one source of COPY or ADD from the build context. Says nothing where the
 * rules have exceptions: they are hard to judge without the files.
 */
export function checkIgnored(
  kind: 'copy' | 'add',
  source: string,
  rules: IgnoreRules | undefined,
  lines: Lines,
  report: Report,
): void {
  if (!rules || rules.hasExceptions) return
  const path = cleanPath(source)
  const root = path === '.' || path === '/'
  if (root && !rules.patterns.some(({ text }) => ['*', '**', '**/*'].includes(text))) return
  if (rules.matches(path)) report('CopyIgnoredFile', lines, kind === 'copy' ? 'Copy' : 'Add', path)
}
