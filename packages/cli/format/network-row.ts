import type { NetworkSummary } from '@tdocker/api'
import { labelPairs } from './labels.ts'
import { shortId } from './row.ts'
import type { Row } from './row.ts'
import { goTimeText } from './units.ts'

export const networkHeaders: Readonly<Record<string, string>> = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
}

const raw = 'network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n'

/** The template behind what the user asked for. */
export function networkFormat(format: string, quiet: boolean): string {
  if (format === 'table') {
    return quiet ? '{{.ID}}' : 'table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}'
  }
  if (format === 'raw') return quiet ? 'network_id: {{.ID}}' : raw
  return format
}

export function networkRow(network: NetworkSummary, truncate: boolean): Row {
  return {
    CreatedAt: () => goTimeText(network.Created),
    Driver: () => network.Driver,
    ID: () => (truncate ? shortId(network.Id) : network.Id),
    IPv4: () => String(network.EnableIPv4 === true),
    IPv6: () => String(network.EnableIPv6 === true),
    Internal: () => String(network.Internal === true),
    Label: (name) => network.Labels?.[String(name)] ?? '',
    Labels: () => labelPairs(network.Labels),
    Name: () => network.Name,
    Scope: () => network.Scope,
  }
}
