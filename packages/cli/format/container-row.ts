import type { ContainerSummary, PortSummary } from '@tdocker/api'
import { quote } from '../flag/scalar.ts'
import { labelPairs } from './labels.ts'
import { familiarName } from './reference.ts'
import { ellipsis, shortId } from './row.ts'
import type { Row } from './row.ts'
import { goTime, humanDuration, humanSize } from './units.ts'

export const containerHeaders: Readonly<Record<string, string>> = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
  HealthStatus: 'HEALTH STATUS',
}

const defaultTable =
  'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}'

const rawLines = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`

/** The template behind what the user asked for. */
export function containerFormat(format: string, quiet: boolean, size: boolean): string {
  if (format === 'raw')
    return quiet ? 'container_id: {{.ID}}' : rawLines + (size ? 'size: {{.Size}}\n' : '')
  if (quiet) return '{{.ID}}'
  if (format === '' || format === 'table') return defaultTable + (size ? '\t{{.Size}}' : '')
  return format
}

export function containerRow(container: ContainerSummary, truncate: boolean, now: number): Row {
  const names = container.Names ?? []
  const labels = container.Labels ?? {}
  const mounts = container.Mounts ?? []
  return {
    Command: () => quote(truncate ? ellipsis(container.Command, 20) : container.Command),
    CreatedAt: () => goTime(container.Created),
    HealthStatus: () => healthOf(container),
    ID: () => (truncate ? shortId(container.Id) : container.Id),
    Image: () => imageOf(container, truncate),
    Label: (name) => labels[String(name)] ?? '',
    Labels: () => labelPairs(labels),
    LocalVolumes: () => String(mounts.filter(({ Driver }) => Driver === 'local').length),
    Mounts: () =>
      mounts
        .map(({ Name, Source }) => Name || Source)
        .map((name) => (truncate ? ellipsis(name, 15) : name))
        .join(','),
    Names: () => namesOf(names, truncate),
    Networks: () => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    Platform: () => null,
    Ports: () => displayPorts(container.Ports ?? []),
    RunningFor: () => `${humanDuration(now - container.Created * 1000)} ago`,
    Size: () => sizeOf(container),
    State: () => container.State,
    Status: () => container.Status,
  }
}

/** The name that is no alias of a link (`/other/alias`); all of them where nothing is cut. */
function namesOf(names: readonly string[], truncate: boolean): string {
  const bare = names.map((name) => name.replace(/^\//, ''))
  return truncate ? (bare.find((name) => !name.includes('/')) ?? '') : bare.join(',')
}

function imageOf({ Image, ImageID }: ContainerSummary, truncate: boolean): string {
  if (Image === '') return '<no image>'
  if (!truncate) return Image
  if (shortId(ImageID) === shortId(Image)) return shortId(ImageID)
  return familiarName(Image.replace(/@[^@]*$/, ''))
}

function sizeOf({ SizeRw, SizeRootFs }: ContainerSummary): string {
  const own = humanSize(SizeRw ?? 0, 3)
  return SizeRootFs ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own
}

/** Before API 1.52 only the status text tells: `Up 3 minutes (health: starting)`. */
function healthOf({ Health, Status }: ContainerSummary): string {
  const told = Health?.Status ?? /\((?:health: )?([a-z]+)\)$/.exec(Status)?.[1] ?? ''
  return ['healthy', 'unhealthy', 'starting'].includes(told) ? told : ''
}

/** `0.0.0.0:80->80/tcp, 8000-8003/tcp`: consecutive ports of one address become a range. */
export function displayPorts(ports: readonly PortSummary[]): string {
  const groups = new Map<string, { first: number; last: number }>()
  const finished: string[] = []
  const mappings: string[] = []
  for (const port of [...ports].sort(comparePorts)) {
    const { PrivatePort: current, PublicPort, Type, IP } = port
    if (IP && PublicPort !== current) {
      mappings.push(`${hostPort(IP, String(PublicPort))}->${current}/${Type}`)
      continue
    }
    const key = IP ? `${IP}/${Type}` : Type
    const group = groups.get(key)
    if (group && current === group.last + 1) {
      group.last = current
      continue
    }
    if (group) finished.push(groupText(key, group))
    groups.set(key, { first: current, last: current })
  }
  const open = [...groups].map(([key, group]) => groupText(key, group))
  return [...finished, ...open, ...mappings].join(', ')
}

function groupText(key: string, { first, last }: { first: number; last: number }): string {
  const [ip, type] = key.includes('/') ? key.split('/') : ['', key]
  const range = first === last ? String(first) : `${first}-${last}`
  return ip ? `${hostPort(ip, range)}->${range}/${type}` : `${range}/${type}`
}

function hostPort(ip: string, port: string): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

function comparePorts(a: PortSummary, b: PortSummary): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    compareText(a.IP ?? '', b.IP ?? '') ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    compareText(a.Type, b.Type)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
