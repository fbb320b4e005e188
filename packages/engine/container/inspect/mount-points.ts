import type { MountPoint } from '@tdocker/api'
import type { Container } from '../container.ts'

/** `Mounts` of inspect and list. */
export function mountPoints(c: Container): MountPoint[] {
  return c.detail.mounts.map((record) => ({
    Type: record.type,
    ...(record.type === 'volume' || record.type === 'image' ? { Name: record.name } : {}),
    Source: record.source,
    Destination: record.destination,
    ...(record.type === 'volume' ? { Driver: record.driver } : {}),
    Mode: record.mode,
    RW: record.readWrite,
    Propagation: record.propagation,
  }))
}
