import type { ImageConfig } from '@tdocker/oci'
import type { NewEvent } from '../event/event-log.ts'

/** An image's event: its labels, and `name` as Docker fills it. */
export function imageEvent(
  action: 'create' | 'pull' | 'push' | 'import' | 'tag' | 'untag' | 'delete' | 'save' | 'load',
  o: { actorId: string; name: string; config: ImageConfig | undefined },
): NewEvent {
  const attributes = { ...o.config?.config?.Labels, name: o.name }
  return { type: 'image', action, actorId: o.actorId, attributes }
}
