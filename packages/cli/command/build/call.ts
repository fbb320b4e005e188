/** `--call` and `--check`: what a Dockerfile says instead of an image (buildx: util/buildflags/call.go). */
import { BUILD_CALL_ID, type BuildCallAnswer } from '@tdocker/api/build-call.ts'
import { jsonLines } from '../../format/lines.ts'
import type { ProgressMessage } from '../../format/progress.ts'
import { type Cli, StatusError } from '../cli.ts'
import { programName } from '../program.ts'

export interface Call {
  /** As the daemon knows it. */
  name: string
  json: boolean
  /** Findings of `check` are no failure. */
  ignoreStatus: boolean
}

/** `check,format=json,ignorestatus=true`; undefined for a build. Throws in buildx' words. */
export function parseCall(text: string): Call | undefined {
  const call: Call = { name: '', json: false, ignoreStatus: false }
  for (const field of text === '' ? [] : text.split(',')) {
    const at = field.indexOf('=')
    if (at < 0) {
      if (call.name !== '') throw new Error(`invalid print value: ${text}`)
      call.name = field
    } else setField(call, field, field.slice(0, at), field.slice(at + 1))
  }
  return call.name === '' || call.name === 'build' ? undefined : call
}

function setField(call: Call, field: string, key: string, value: string): void {
  if (key === 'format') call.json = value === 'json'
  else if (key === 'ignorestatus') call.ignoreStatus = boolean(value)
  else throw new Error(`invalid print field: ${field}`)
}

function boolean(value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  throw new Error(`invalid ignorestatus print value: ${value}`)
}

/** On stdout; a check that found something ends with 1. */
export async function showCall(
  cli: Cli,
  response: AsyncIterable<Buffer>,
  { json, ignoreStatus }: Call,
): Promise<void> {
  let status: number | undefined
  for await (const line of jsonLines(response)) {
    const message = JSON.parse(line) as ProgressMessage
    const failure = message.errorDetail?.message ?? message.error
    if (failure !== undefined) throw new StatusError(1, `ERROR: ${failure}`)
    if (message.id === BUILD_CALL_ID) {
      const answer = message.aux as BuildCallAnswer
      if (json) cli.print(`${JSON.stringify(answer.result, undefined, 2)}\n`)
      status = answer.status
    } else if (message.stream !== undefined && !json) cli.print(message.stream)
  }
  if (status === undefined) throw new Error(`--call is only supported on a ${programName} daemon`)
  if (status !== 0 && !ignoreStatus) throw new StatusError(status, '')
}
