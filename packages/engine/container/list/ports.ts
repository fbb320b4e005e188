import type { PortSummary } from '@tdocker/api'
import type { Container } from '../container.ts'

/** Published and exposed ports, in the order Docker's clients expect. */
export function portSummaries(c: Container): PortSummary[] {
  const ports: PortSummary[] = []
  for (const [key, bindings] of Object.entries(c.detail.ports)) {
    const [number = '', type = 'tcp'] = key.split('/')
    // Also one that is not published has the field, if empty.
    const common = { IP: '', PrivatePort: Number(number), Type: type as PortSummary['Type'] }
    if (!bindings || bindings.length === 0) ports.push(common)
    for (const binding of bindings ?? [])
      ports.push({
        ...common,
        IP: binding.HostIp ?? '',
        PublicPort: Number(binding.HostPort),
      })
  }
  return ports.sort(compare)
}

function compare(a: PortSummary, b: PortSummary): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    byText(a.Type, b.Type) ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    byText(a.IP ?? '', b.IP ?? '')
  )
}

/** By bytes: a locale would put `::` before `0.0.0.0`. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
