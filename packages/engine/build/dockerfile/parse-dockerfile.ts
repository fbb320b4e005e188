/** A Dockerfile's text becomes stages of typed instructions. */
import { checkCasing, checkDescription, checkFrom, checkStageNames } from './checks/file-checks.ts'
import { checkOfComments, parseCheckOptions } from './checks/options.ts'
import { type Report, reportTo } from './checks/report.ts'
import { findCheck, findSyntax } from './directives.ts'
import { trimSpace } from './go-text.ts'
import { heredocsOf } from './heredoc.ts'
import {
  type CheckOptions,
  type Dockerfile,
  DockerfileError,
  type Instruction,
  type Lines,
  type Stage,
  type Warning,
} from './instruction.ts'
import { parseCommand, parseShell } from './instructions/command.ts'
import { describedBy } from './instructions/description.ts'
import { parseAdd, parseCopy } from './instructions/files.ts'
import { parseFrom } from './instructions/from.ts'
import { parseHealthcheck } from './instructions/healthcheck.ts'
import { parseOnbuild } from './instructions/onbuild.ts'
import { parseArg, parsePairs } from './instructions/pairs.ts'
import { parseRun } from './instructions/run.ts'
import { parseExpose, parseSimple, parseVolume } from './instructions/simple.ts'
import { LineReader } from './lines.ts'
import { KEYWORDS, type Node, parseNode, takesHeredocs } from './node.ts'
import { didYouMean } from './suggest.ts'

/** A line taken apart, and where it stands. */
interface Statement {
  node: Node
  lines: Lines
  comments: string[]
}

type WithoutBase<T> = T extends unknown ? Omit<T, 'lines' | 'source' | 'name' | 'check'> : never
type Parsed = WithoutBase<Instruction>
type Parse = (node: Node, comments: readonly string[]) => Parsed

const PARSE: Readonly<Record<string, Parse>> = {
  add: parseAdd,
  arg: parseArg,
  cmd: (node) => parseCommand(node, 'cmd'),
  copy: parseCopy,
  entrypoint: (node) => parseCommand(node, 'entrypoint'),
  env: (node) => parsePairs(node, 'env'),
  expose: parseExpose,
  healthcheck: parseHealthcheck,
  label: (node) => parsePairs(node, 'label'),
  maintainer: (node) => parseSimple(node, 'maintainer'),
  onbuild: parseOnbuild,
  run: parseRun,
  shell: parseShell,
  stopsignal: (node) => parseSimple(node, 'stopsignal'),
  user: (node) => parseSimple(node, 'user'),
  volume: parseVolume,
  workdir: (node) => parseSimple(node, 'workdir'),
}

const MAX_LENGTH = 2 * 1024 * 1024
/** Of all stages, needed or not: nothing else is done while they are read. */
const MAX_INSTRUCTIONS = 10_000

export interface ParseOptions {
  /** In the place of the file's own `# check=` (build argument BUILDKIT_DOCKERFILE_CHECK). */
  check?: CheckOptions
  /** Filled also when the file turns out to be broken. */
  warnings?: Warning[]
}

/** Throws DockerfileError in BuildKit's words. */
export function parseDockerfile(
  input: string | Uint8Array,
  options: ParseOptions = {},
): Dockerfile {
  if (input.length > MAX_LENGTH) {
    throw new DockerfileError(`the Dockerfile is larger than ${MAX_LENGTH} bytes`)
  }
  const text = typeof input === 'string' ? input : decode(input)
  if (text === '') throw new DockerfileError('the Dockerfile cannot be empty')
  const check = options.check ?? checkOfFile(text)
  const warnings = options.warnings ?? []
  const { statements, escape } = readLines(text, reportTo(warnings, check))
  const file = typed(statements, check, warnings)
  if (file.stages.length === 0) throw new DockerfileError('dockerfile contains no stages to build')
  const report = reportTo(warnings, check)
  checkStageNames(file.stages, report)
  checkCasing(file, report)
  return { ...file, escape, syntax: findSyntax(text), check, warnings }
}

/**
 * The instruction of a trigger that an image's ONBUILD left; it is told to stand at `lines`, those
 * of the FROM that runs it.
 */
export function parseTrigger(text: string, lines: Lines): Instruction {
  const { statements } = readStatements(text, ignore)
  const [statement] = statements
  if (statements.length !== 1 || !statement) {
    throw new DockerfileError('onbuild trigger should be a single expression', lines)
  }
  const at = { ...statement, lines }
  if (keywordOf(statement) === 'from') {
    throw new DockerfileError('*instructions.Stage is not a command type', lines)
  }
  try {
    return parseInstruction(at, ignore)
  } catch (error) {
    throw new DockerfileError((error as Error).message, lines, { cause: error })
  }
}

const ignore: Report = () => {}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

function checkOfFile(text: string): CheckOptions {
  try {
    return parseCheckOptions(findCheck(text) ?? '')
  } catch (error) {
    throw new DockerfileError(
      `failed to parse check options: ${(error as Error).message}`,
      undefined,
      { cause: error },
    )
  }
}

/** As `readStatements`; what is wrong there is told apart from what is wrong with an instruction. */
function readLines(text: string, report: Report): ReturnType<typeof readStatements> {
  try {
    return readStatements(text, report)
  } catch (error) {
    if (error instanceof DockerfileError) error.isSyntax = true
    throw error
  }
}

function readStatements(
  text: string,
  report: Report,
): { statements: Statement[]; escape: '\\' | '`' } {
  const reader = new LineReader(text)
  const statements: Statement[] = []
  for (let line = reader.next(); line; line = reader.next()) {
    const { start, end } = line
    if (line.emptyContinuation) report('NoEmptyContinuation', { start: end, end })
    const node = at({ start, end }, () => parseNode(line.text, reader.escape))
    if (takesHeredocs(node) && line.text.includes('<<')) {
      const heredocs = at({ start, end }, () => heredocsOf(line.text))
      node.heredocs = heredocs.map((heredoc) => reader.readHeredoc(heredoc, start))
    }
    statements.push({ node, lines: { start, end: reader.line }, comments: line.comments })
    if (statements.length > MAX_INSTRUCTIONS)
      throw new DockerfileError(`more than ${MAX_INSTRUCTIONS} instructions are not supported`)
  }
  if (statements.length === 0) {
    const line = reader.line
    throw new DockerfileError('file with no instructions', { start: line, end: line })
  }
  reader.checkLength()
  return { statements, escape: reader.escape }
}

/** Runs `parse`; what it throws is told to be wrong at `lines`. */
function at<T>(lines: Lines, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new DockerfileError((error as Error).message, lines, { cause: error })
  }
}

function typed(
  statements: readonly Statement[],
  check: CheckOptions,
  warnings: Warning[],
): Pick<Dockerfile, 'args' | 'stages'> {
  const args: Dockerfile['args'] = []
  const stages: Stage[] = []
  for (const statement of statements) {
    const report = reportTo(warnings, check, checkOfComments(statement.comments))
    if (keywordOf(statement) === 'from') {
      stages.push(inLine(statement, () => parseStage(statement, report)))
      continue
    }
    const instruction = inLine(statement, () => parseInstruction(statement, report))
    const stage = stages.at(-1)
    if (stage) stage.instructions.push(instruction)
    else if (instruction.kind === 'arg') args.push(instruction)
    else throw new DockerfileError('no build stage in current context', statement.lines)
  }
  return { args, stages }
}

function keywordOf({ node }: Statement): string {
  return node.keyword.toLowerCase()
}

function inLine<T>({ lines }: Statement, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const message = `dockerfile parse error on line ${lines.start}: ${(error as Error).message}`
    throw new DockerfileError(message, lines, { cause: error })
  }
}

function parseStage({ node, lines, comments }: Statement, report: Report): Stage {
  checkFrom(node, lines, report)
  const { base, name, platform } = parseFrom(node)
  if (name !== '') checkDescription('FROM', [name], comments, lines, report)
  const check = checkOfComments(comments)
  return {
    name,
    base,
    platform,
    lines,
    source: trimSpace(node.text),
    keyword: node.keyword,
    description: describedBy(comments, name),
    ...(check && { check }),
    instructions: [],
  }
}

function parseInstruction(statement: Statement, report: Report): Instruction {
  const { node, lines, comments } = statement
  const keyword = keywordOf(statement)
  const parse = Object.hasOwn(PARSE, keyword) ? PARSE[keyword] : undefined
  if (!parse) throw unknownInstruction(node.keyword)
  if (keyword === 'maintainer') report('MaintainerDeprecated', lines)
  const parsed = parse(node, comments)
  if (parsed.kind === 'arg') {
    checkDescription(
      'ARG',
      parsed.args.map(({ key }) => key),
      comments,
      lines,
      report,
    )
  }
  const check = checkOfComments(comments)
  const source = trimSpace(node.text)
  return { ...parsed, lines, source, name: node.keyword, ...(check && { check }) }
}

function unknownInstruction(keyword: string): Error {
  const known = KEYWORDS.map((word) => word.toUpperCase())
  return new Error(`unknown instruction: ${keyword}${didYouMean(keyword, known, false)}`)
}
