/** Builds that ran, as lines and as a page. */
import type { BuildRecord, BuildStep, BuildSummary } from '@tdocker/api'
import { shortId } from './row.ts'
import type { Row } from './row.ts'
import { tabulate } from './table.ts'
import { goTimeText, humanDuration } from './units.ts'

export const buildHeaders: Readonly<Record<string, string>> = {
  ID: 'BUILD ID',
  Name: 'NAME',
  Status: 'STATUS',
  Steps: 'STEPS',
  Cached: 'CACHED',
  CreatedAt: 'CREATED AT',
  CreatedSince: 'CREATED',
  Duration: 'DURATION',
  ImageID: 'IMAGE ID',
  Tags: 'TAGS',
  Warnings: 'WARNINGS',
}

/** The template behind what the user asked for. */
export function buildFormat(format: string, quiet: boolean): string {
  if (format !== 'table') return format
  const columns = ['ID', 'Name', 'Status', 'Steps', 'Cached', 'CreatedSince', 'Duration']
  return quiet ? '{{.ID}}' : `table ${columns.map((name) => `{{.${name}}}`).join('\t')}`
}

export function buildRow(build: BuildSummary, truncate: boolean, now: number): Row {
  return {
    Cached: () => String(build.CachedSteps),
    CreatedAt: () => goTimeText(build.CreatedAt),
    CreatedSince: () => `${humanDuration(now - Date.parse(build.CreatedAt))} ago`,
    Duration: () => duration(build.DurationMs),
    ID: () => (truncate ? shortId(build.Id) : build.Id),
    ImageID: () => (truncate ? shortId(build.ImageId) : build.ImageId),
    Name: () => build.Name,
    Status: () => build.Status,
    Steps: () => `${build.CompletedSteps}/${build.TotalSteps}`,
    Tags: () => build.Tags.join(', '),
    Warnings: () => String(build.Warnings),
  }
}

/** `12ms`, `3.4s`, `2m05s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)}s`
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.trunc(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`
}

/** All of one build, to read. */
export function buildPage(build: BuildRecord): string {
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['ID', build.Id],
    ['Name', build.Name],
    ['Status', build.Status],
    ['Error', build.Error],
    ['Context', build.Context],
    ['Dockerfile', build.Dockerfile],
    ['Target', build.Target],
    ['Platform', build.Platform],
    ['Build args', build.BuildArgs.join(', ')],
    ['No cache', build.NoCache ? 'true' : ''],
    ['Client', build.Client],
    ['Started', build.CreatedAt],
    ['Duration', duration(build.DurationMs)],
    ['Steps', stepsText(build)],
    ['Warnings', build.Warnings === 0 ? '' : String(build.Warnings)],
    ['Tags', build.Tags.join(', ')],
    ['Image ID', build.ImageId],
  ]
  const told = facts.filter(([, value]) => value !== '')
  const steps = build.Steps.map((step) => `${stepLine(step)}\n`)
  return [
    tabulate(told.map(([name, value]) => `${name}:\t${oneLine(value)}\n`).join(''), TIGHT),
    '\n',
    tabulate(`STEP\tSTATUS\tDURATION\n${steps.join('')}`, { minWidth: 10, padding: 3 }),
  ].join('')
}

const TIGHT = { minWidth: 12, padding: 1 }

function stepsText({ TotalSteps, CompletedSteps, CachedSteps }: BuildSummary): string {
  return `${CompletedSteps}/${TotalSteps}${CachedSteps > 0 ? ` (${CachedSteps} cached)` : ''}`
}

function stepLine(step: BuildStep): string {
  const { Name, StartedAt, CompletedAt } = step
  const time =
    StartedAt === null || CompletedAt === null
      ? ''
      : duration(Date.parse(CompletedAt) - Date.parse(StartedAt))
  return [oneLine(Name), statusOf(step), time].join('\t')
}

function statusOf({ StartedAt, CompletedAt, Cached, Error }: BuildStep): string {
  if (Error !== '') return Error === 'context canceled' ? 'canceled' : 'error'
  if (Cached) return 'cached'
  if (CompletedAt !== null) return 'done'
  return StartedAt === null ? 'not run' : 'running'
}

/** A name may be anything. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
