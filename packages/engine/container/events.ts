import type { NewEvent } from '../event/event-log.ts'
import type { Container } from './container.ts'

/** An event of a container with Docker's attributes: labels, image, name, then its own. */
export function containerEvent(
  c: Pick<Container, 'id' | 'name' | 'config'>,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): NewEvent {
  return {
    type: 'container',
    action,
    actorId: c.id,
    attributes: {
      ...attributes,
      ...c.config.Labels,
      ...(c.config.Image ? { image: c.config.Image } : {}),
      name: c.name,
    },
  }
}

/** A container's volumes, as events of theirs: `mount` before its start, `unmount` before its end. */
export function volumeEvents(
  c: Pick<Container, 'id' | 'detail'>,
  action: 'mount' | 'unmount',
): NewEvent[] {
  return c.detail.mounts
    .filter((record) => record.type === 'volume')
    .map((record) => ({
      type: 'volume',
      action,
      actorId: record.name,
      attributes: {
        driver: record.driver,
        container: c.id,
        ...(action === 'mount' && {
          destination: record.destination,
          'read/write': String(record.readWrite),
          propagation: record.propagation,
        }),
      },
    }))
}
