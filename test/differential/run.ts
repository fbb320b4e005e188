import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../lib/api-client.ts'
import type { Call, Group } from './call.ts'
import { type Answer, compare, type Difference, HEADERS, type Normaliser } from './compare.ts'

/** Longer than any engine thinks. */
const SILENCE_MS = 60_000
const UNTIL_MS = 15_000
/** What takes longer is told, for whoever wonders where the time went. */
const SLOW_MS = 4000

export interface Peer {
  /** In reports. */
  name: string
  api: ApiClient
  normaliser: Normaliser
}

export interface Finding extends Difference {
  group: string
  call: string
}

/** Runs a group on both engines at once and compares answer by answer, then the events of it. */
export async function runGroup(
  docker: Peer,
  ours: Peer,
  group: Group,
  version: string,
): Promise<Finding[]> {
  const [left, right] = await Promise.all(
    [docker, ours].map((peer) => answersOf(peer, group, version)),
  )
  return [...left!.keys()].flatMap((call) =>
    compare(left!.get(call)!, right!.get(call)!).map((found) => ({
      group: group.name,
      call,
      ...found,
    })),
  )
}

async function answersOf(peer: Peer, group: Group, version: string): Promise<Map<string, Answer>> {
  const variables = new Map<string, string>()
  const answers = new Map<string, Answer>()
  const since = now()
  for (const call of group.calls) {
    if (answers.has(call.name)) throw new Error(`${group.name}: two calls named ${call.name}`)
    answers.set(call.name, await answerOf(peer, call, version, variables))
  }
  if (group.apart) return answers
  // dockerd tells some things a moment after it has answered.
  const range = `since=${since}&until=${now(300)}`
  const events = await ask(
    peer,
    { name: '', method: 'GET', path: `/events?${range}` },
    version,
    variables,
  )
  answers.set('events', { ...events, text: eventLines(peer, events.text, variables) })
  return answers
}

/** Both engines run on this machine, so its clock is theirs. */
function now(later = 0): string {
  const milliseconds = String(Date.now() + later)
  return `${milliseconds.slice(0, -3)}.${milliseconds.slice(-3)}000000`
}

async function answerOf(
  peer: Peer,
  call: Call,
  version: string,
  variables: Map<string, string>,
): Promise<Answer> {
  const begun = Date.now()
  for (;;) {
    const answer = await ask(peer, call, version, variables)
    const fulfilled = call.until?.test(answer.text) ?? true
    const took = Date.now() - begun
    if (!fulfilled && took < UNTIL_MS) {
      await delay(50)
      continue
    }
    if (took > SLOW_MS) console.log(`${peer.name} took ${took} ms for: ${call.name}`)
    save(call, answer, variables)
    if (call.status !== undefined && answer.status !== call.status)
      throw new Error(`${peer.name}, ${call.name}: ${answer.status} ${answer.text}`)
    if (!fulfilled)
      throw new Error(`${peer.name}, ${call.name}: never became ${call.until}: ${answer.text}`)
    const text = call.statusOnly ? '' : peer.normaliser.text(answer.text, variables)
    return { ...answer, text, ...(call.statusOnly ? { contentType: '' } : {}) }
  }
}

async function ask(
  peer: Peer,
  call: Call,
  version: string,
  variables: ReadonlyMap<string, string>,
): Promise<Answer> {
  const fill = (text: string): string => {
    let filled = text
    for (const [name, value] of variables) filled = filled.replaceAll(`{${name}}`, value)
    return filled
  }
  const body =
    call.raw === undefined
      ? call.body === undefined
        ? undefined
        : (JSON.parse(fill(JSON.stringify(call.body))) as unknown)
      : Buffer.from(call.raw)
  const path = `/v${call.version ?? version}${fill(call.path)}`
  const answer = peer.api.request(call.method, path, body, { ...call.headers })
  const silence = new AbortController()
  const silent = delay(SILENCE_MS, undefined, { signal: silence.signal }).catch(() => undefined)
  const told = await Promise.race([answer, silent])
  silence.abort()
  if (told === undefined) return { status: 0, contentType: '', text: 'no answer', headers: {} }
  const { status, headers, text } = told
  const known = HEADERS.flatMap((name) => {
    const value = headers[name]
    return value === undefined ? [] : [[name, readable(peer, name, String(value), variables)]]
  })
  return {
    status,
    contentType: headers['content-type'] ?? '',
    text,
    headers: Object.fromEntries(known) as Record<string, string>,
  }
}

function readable(
  peer: Peer,
  name: string,
  value: string,
  variables: ReadonlyMap<string, string>,
): string {
  // Each tells the newest it has.
  if (name === 'api-version') return '<version>'
  const text = name.endsWith('-stat') ? Buffer.from(value, 'base64').toString() : value
  return peer.normaliser.text(text, variables)
}

function save(call: Call, answer: Answer, variables: Map<string, string>): void {
  for (const [name, path] of Object.entries(call.save ?? {})) {
    try {
      let value = JSON.parse(answer.text) as unknown
      for (const key of path.split('.')) value = (value as Record<string, unknown>)[key]
      if (typeof value === 'string') variables.set(name, value)
    } catch {
      // The answer was an error: the comparison tells.
    }
  }
}

/** What happened, to whom, with which attributes; one object per actor, in order. */
function eventLines(peer: Peer, text: string, variables: ReadonlyMap<string, string>): string {
  const byActor: Record<string, string[]> = {}
  for (const line of text.trim().split('\n').filter(Boolean)) {
    const event = JSON.parse(line) as {
      Type: string
      Action: string
      Actor: { ID: string; Attributes: Record<string, string> }
    }
    const attributes = Object.entries(event.Actor.Attributes)
      .filter(([key]) => key !== 'execDuration')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
    // A network's or a volume's events by the container they are about.
    const { container = '' } = event.Actor.Attributes
    const actor = peer.normaliser
      .text(`${event.Type} ${event.Actor.ID} ${container}`, variables)
      .trim()
    const happened = peer.normaliser.text(`${event.Action} ${attributes.join(' ')}`, variables)
    ;(byActor[actor] ??= []).push(happened)
  }
  // A stop and the death it brings are told by two threads of dockerd.
  for (const happened of Object.values(byActor)) happened.sort()
  return JSON.stringify(byActor)
}
