import type { Volume } from '@tdocker/api'
import { labelPairs } from './labels.ts'
import type { Row } from './row.ts'
import { humanSize } from './units.ts'

export const volumeHeaders: Readonly<Record<string, string>> = {
  ID: 'ID',
  Name: 'VOLUME NAME',
  Group: 'GROUP',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Availability: 'AVAILABILITY',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Status: 'STATUS',
}

/** The template behind what the user asked for. */
export function volumeFormat(format: string, quiet: boolean): string {
  if (format === 'table') return quiet ? '{{.Name}}' : 'table {{.Driver}}\t{{.Name}}'
  if (format === 'raw')
    return quiet ? 'name: {{.Name}}' : 'name: {{.Name}}\\ndriver: {{.Driver}}\\n'
  return format
}

/** Columns about cluster volumes exist for templates only: there are none outside a swarm. */
export function volumeRow(volume: Volume): Row {
  const { UsageData: usage } = volume
  return {
    Availability: () => 'N/A',
    Driver: () => volume.Driver,
    Group: () => 'N/A',
    Label: (name) => volume.Labels?.[String(name)] ?? '',
    Labels: () => labelPairs(volume.Labels),
    Links: () => (usage ? String(usage.RefCount) : 'N/A'),
    Mountpoint: () => volume.Mountpoint,
    Name: () => volume.Name,
    Scope: () => volume.Scope,
    Size: () => (usage ? humanSize(usage.Size) : 'N/A'),
    Status: () => 'N/A',
  }
}
