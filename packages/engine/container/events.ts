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
