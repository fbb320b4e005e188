import type { EventMessage } from '@tdocker/api'
import { familiarName, parseReference } from '@tdocker/oci'
import type { Filters } from '../backend-types.ts'
import type { EngineEvent } from '../event/event-log.ts'

/** Keys whose values are ids or names, or beginnings of them, of whatever the event is about. */
const ACTORS = [
  'daemon',
  'container',
  'plugin',
  'volume',
  'network',
  'node',
  'service',
  'secret',
  'config',
] as const

/** Actions with a detail behind a colon: with one of these, `event` values match beginnings. */
const DETAILED = ['health_status', 'exec_create', 'exec_start']

/**
 * moby's rules for `filters=` of events (daemon/events/filter.go): values of one key are
 * alternatives, keys must all hold, except labels, of which each must. Keys it does not know match
 * nothing away. The log's own word about events that were lost passes every filter.
 */
export function eventMatcher(filters: Filters): (event: EngineEvent) => boolean {
  const values = (key: string): readonly string[] => filters.get(key) ?? []
  const any = (key: string, test: (value: string) => boolean): boolean =>
    values(key).length === 0 || values(key).some(test)
  const byBeginning = values('event').some((value) => DETAILED.includes(value))
  const actors = ACTORS.filter((key) => values(key).length > 0)
  return ({ type, action, actorId, attributes }) =>
    any('event', (value) => action === value || (byBeginning && action.startsWith(value))) &&
    any('type', (value) => value === type) &&
    any('scope', (value) => value === 'local') &&
    values('label').every((label) => hasLabel(attributes, label)) &&
    actors.every((key) =>
      any(key, (value) => actorId.startsWith(value) || startsWith(attributes['name'], value)),
    ) &&
    (values('image').length === 0 || matchesImage({ type, actorId, attributes }, values('image')))
}

function startsWith(text: string | undefined, beginning: string): boolean {
  return text?.startsWith(beginning) === true
}

/** An image by id or name, with or without its tag; containers by the image they were made of. */
function matchesImage(
  { type, actorId, attributes }: Pick<EngineEvent, 'type' | 'actorId' | 'attributes'>,
  wanted: readonly string[],
): boolean {
  const name = attributes[type === 'image' ? 'name' : 'image'] ?? ''
  const told = [actorId, name, repositoryOf(actorId), repositoryOf(name)]
  return wanted.some((value) => told.includes(value))
}

/** `docker.io/library/app:tag` → `app`; what is no reference stays as it is. */
function repositoryOf(text: string): string {
  try {
    return familiarName(parseReference(text))
  } catch {
    return text
  }
}

function hasLabel(attributes: Readonly<Record<string, string>>, label: string): boolean {
  const equals = label.indexOf('=')
  if (equals === -1) return label in attributes
  return attributes[label.slice(0, equals)] === label.slice(equals + 1)
}

/** In its newest form; what older clients read besides is added where answers are made. */
export function toMessage(event: EngineEvent): EventMessage {
  return {
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: { ...event.attributes } },
    scope: 'local',
    time: Number(event.timeNs / 1_000_000_000n),
    timeNano: event.timeNs,
  }
}
