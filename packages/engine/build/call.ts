/** `call` of `POST /build`: what a Dockerfile says, and no image (buildx: `--call`, `--check`). */
import type { BUILD_CALL_ID, BuildCallAnswer, WireLocation } from '@tdocker/api/build-call.ts'
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { invalidParameter } from '../base/errors.ts'
import type { BuildOptions } from './build-backend.ts'
import { type CheckContext, findings } from './checks.ts'
import type { IgnoreFile } from './context/ignore-file.ts'
import { globalsOf, readFile } from './definition.ts'
import type { Findings } from './dockerfile/checks/find-warnings.ts'
import { type Source, formatCheck } from './dockerfile/excerpt.ts'
import { DockerfileError, type Lines, type Warning } from './dockerfile/instruction.ts'
import {
  type Outline,
  type Target,
  formatOutline,
  formatTargets,
  outlineOf,
  targetsOf,
} from './dockerfile/outline.ts'
import { expansionBudget } from './graph/fold.ts'

/** Names the message with the answer. */
const ANSWER: typeof BUILD_CALL_ID = 'tdocker.build.call'

export interface CallContext {
  images: CheckContext['images']
  ignore: IgnoreFile | undefined
}

/** Answers by messages. Throws invalidParameter for what cannot be read. */
export function answerCall(ctx: CallContext, o: BuildOptions, source: Source): void {
  switch (o.call) {
    case 'targets': {
      const targets = targetsOf(readFile(o, source))
      tell(o, formatTargets(targets), {
        name: 'targets',
        status: 0,
        result: targetsJson(targets, source),
      })
      return
    }
    case 'outline': {
      const outline = outlined(o, source)
      tell(o, formatOutline(outline), {
        name: 'outline',
        status: 0,
        result: outlineJson(outline, source),
      })
      return
    }
    default:
      answerCheck(ctx, o, source)
  }
}

function tell(o: BuildOptions, text: string, answer: BuildCallAnswer): void {
  if (text !== '') o.progress({ stream: text })
  o.progress({ id: ANSWER, aux: answer } as JSONMessage)
}

function answerCheck(ctx: CallContext, o: BuildOptions, source: Source): void {
  const { warnings, error } = checked(ctx, o, source)
  const { text, error: failure, status } = formatCheck(warnings, source, error)
  tell(o, text, { name: 'check', status, result: checkJson(warnings, source, error) })
  if (failure !== undefined) throw invalidParameter(failure.trimEnd(), error)
}

/** Also what is wrong with the file itself is a finding. */
function checked({ images, ignore }: CallContext, o: BuildOptions, source: Source): Findings {
  try {
    const dockerfile = readFile(o, source)
    const globals = globalsOf(o, dockerfile, expansionBudget())
    return findings({ images, ignore, globals, platform: o.platform }, dockerfile, o.target)
  } catch (error) {
    const cause = error instanceof DockerfileError ? error : (error as Error).cause
    if (cause instanceof DockerfileError) return { warnings: [], error: cause }
    throw error
  }
}

function outlined(o: BuildOptions, source: Source): Outline {
  const dockerfile = readFile(o, source)
  try {
    const globals = globalsOf(o, dockerfile, expansionBudget())
    return outlineOf(dockerfile, {
      ...(o.target !== '' && { target: o.target }),
      predefined: globals.predefined,
      buildArgs: globals.given(),
    })
  } catch (error) {
    throw error instanceof DockerfileError ? invalidParameter(error.message, error) : error
  }
}

/** As BuildKit's `LintResults` in JSON. */
function checkJson(
  warnings: readonly Warning[],
  source: Source,
  error: DockerfileError | undefined,
): object {
  return {
    warnings: warnings.length === 0 ? null : warnings.map(warningJson),
    sources: [{ filename: source.name, data: base64(source.text), language: 'Dockerfile' }],
    ...(error && { buildError: { message: error.message, location: location(error.lines) } }),
  }
}

function warningJson({ rule, description, url, detail, lines }: Warning): object {
  return {
    ruleName: rule,
    description,
    ...(url !== '' && { url }),
    detail,
    location: location(lines),
  }
}

function targetsJson(targets: readonly Target[], source: Source): object {
  return {
    targets: targets.map(({ lines, default: isDefault, ...rest }) => ({
      ...filled(rest),
      ...(isDefault && { default: true }),
      location: location(lines),
    })),
    sources: [base64(source.text)],
  }
}

function outlineJson(o: Outline, source: Source): object {
  const { name, description, args, secrets, ssh } = o
  const demands = (list: Outline['secrets']): object[] =>
    list.map(({ name: id, required, lines }) => ({
      name: id,
      ...(required && { required }),
      location: location(lines),
    }))
  return {
    ...filled({ name, description }),
    ...(args.length > 0 && {
      args: args.map(({ lines, ...rest }) => ({ ...filled(rest), location: location(lines) })),
    }),
    ...(secrets.length > 0 && { secrets: demands(secrets) }),
    ...(ssh.length > 0 && { ssh: demands(ssh) }),
    sources: [base64(source.text)],
  }
}

/** Without what is empty, as Go's omitempty. */
function filled(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

function location(lines: Lines | undefined): WireLocation {
  if (!lines || lines.start < 1) return {}
  return { ranges: [{ start: { line: lines.start }, end: { line: lines.end } }] }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
