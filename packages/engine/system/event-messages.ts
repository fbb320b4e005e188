import type { EventMessage } from '@tdocker/api'
import type { Filters } from '../backend-types.ts'
import type { EngineEvent } from '../event/event-log.ts'

/**
 * moby's rules for `filters=` of events: values of one key are alternatives, keys must all hold,
 * except labels, of which each must. Keys it does not know match nothing away.
 */
export function eventMatcher(filters: Filters): (event: EngineEvent) => boolean {
  const values = (key: string): readonly string[] => filters.get(key) ?? []
  const any = (key: string, test: (value: string) => boolean): boolean =>
    values(key).length === 0 || values(key).some(test)
  return (event) =>
    any('event', (value) => matchesAction(event.action, value)) &&
    any('type', (value) => value === event.type) &&
    any('scope', (value) => value === 'local') &&
    values('label').every((label) => hasLabel(event.attributes, label)) &&
    (['container', 'network', 'volume', 'daemon'] as const).every((type) =>
      any(type, (value) => event.type === type && matchesActor(event, value)),
    ) &&
    any('image', (value) => matchesImage(event, value))
}

/** `exec_create: sh -c x` and `health_status: healthy` match by what stands before the colon too. */
function matchesAction(action: string, wanted: string): boolean {
  return action === wanted || action.startsWith(`${wanted}:`)
}

function matchesActor(event: EngineEvent, value: string): boolean {
  return event.actorId.startsWith(value) || event.attributes['name']?.startsWith(value) === true
}

/** An image by id or name, with or without its tag; containers by the image they were made of. */
function matchesImage(event: EngineEvent, value: string): boolean {
  const name =
    event.type === 'image'
      ? (event.attributes['name'] ?? '')
      : event.type === 'container'
        ? (event.attributes['image'] ?? '')
        : undefined
  if (name === undefined) return false
  return event.actorId === value || name === value || withoutTag(name) === withoutTag(value)
}

/** `host:5000/app:tag` → `host:5000/app`. */
function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}

function hasLabel(attributes: Readonly<Record<string, string>>, label: string): boolean {
  const equals = label.indexOf('=')
  if (equals === -1) return label in attributes
  return attributes[label.slice(0, equals)] === label.slice(equals + 1)
}

/** Clients below 1.52 also read `status`, `id` and `from` of container and image events. */
export function toMessage(event: EngineEvent, version: string): EventMessage {
  const message: EventMessage = {
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: { ...event.attributes } },
    scope: 'local',
    time: Number(event.timeNs / 1_000_000_000n),
    timeNano: event.timeNs,
  }
  const legacy = Number(version.split('.')[1]) < 52
  if (!legacy || (event.type !== 'container' && event.type !== 'image')) return message
  const from = event.type === 'container' ? event.attributes['image'] : undefined
  return {
    status: event.action,
    id: event.actorId,
    ...(from === undefined ? {} : { from }),
    ...message,
  }
}
