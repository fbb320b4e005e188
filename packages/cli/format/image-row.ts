import type { ImageSummary } from '@tdocker/api'
import { familiarRepository, parseReference } from './reference.ts'
import { shortId } from './row.ts'
import type { Row } from './row.ts'
import { goTime, humanDuration, humanSize } from './units.ts'

export const imageHeaders: Readonly<Record<string, string>> = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  LastUsed: 'LAST USED',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
}

const since = '{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}'

/** The template behind what the user asked for. */
export function imageFormat(format: string, quiet: boolean, digests: boolean): string {
  if (format === 'table') {
    if (quiet) return '{{.ID}}'
    const digest = digests ? '{{.Digest}}\t' : ''
    return `table {{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t${since}\t{{.Size}}`
  }
  if (format === 'raw') return rawFormat(quiet, digests)
  const adds = format.startsWith('table') && digests && !format.includes('{{.Digest}}')
  return adds ? `${format}\t{{.Digest}}` : format
}

function rawFormat(quiet: boolean, digests: boolean): string {
  if (quiet) return 'image_id: {{.ID}}'
  const digest = digests ? 'digest: {{.Digest}}\n' : ''
  return `repository: {{ .Repository }}
tag: {{.Tag}}
${digest}image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}
`
}

/** One name of an image, or `<none>`. */
interface Name {
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

interface RowOptions {
  readonly truncate: boolean
  /** Milliseconds since 1970. */
  readonly now: number
  /** RFC 3339 by image id, where it is shown. */
  readonly lastUsed?: ReadonlyMap<string, string>
}

/** Rows of one image: one per tag, with digests asked for one per tag and digest. */
export function imageRows(
  image: ImageSummary,
  options: RowOptions & { readonly digests: boolean },
): Row[] {
  return namesOf(image, options.digests).map((name) => imageRow(image, name, options))
}

export function isDangling({ RepoTags, RepoDigests }: ImageSummary): boolean {
  const tags = RepoTags ?? []
  const digests = RepoDigests ?? []
  if (tags.length === 0 && digests.length === 0) return true
  return (
    tags.length === 1 &&
    tags[0] === '<none>:<none>' &&
    digests.length === 1 &&
    digests[0] === '<none>@<none>'
  )
}

function namesOf(image: ImageSummary, digests: boolean): Name[] {
  if (isDangling(image)) return [{ repository: '<none>', tag: '<none>', digest: '<none>' }]
  const byTag = group(image.RepoTags ?? [], 'tag')
  const byDigest = group(image.RepoDigests ?? [], 'digest')
  const names: Name[] = []
  for (const [repository, tags] of byTag) {
    const known = digests ? (byDigest.get(repository) ?? []) : []
    byDigest.delete(repository)
    for (const tag of tags) {
      for (const digest of known.length > 0 ? known : ['<none>'])
        names.push({ repository, tag, digest })
    }
  }
  for (const [repository, known] of byDigest) {
    for (const digest of digests ? known : ['']) names.push({ repository, tag: '<none>', digest })
  }
  return names
}

function group(references: readonly string[], part: 'tag' | 'digest'): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const text of references) {
    const [repository, value] = take(text, part)
    if (value === undefined) continue
    groups.set(repository, [...(groups.get(repository) ?? []), value])
  }
  return groups
}

function take(text: string, part: 'tag' | 'digest'): [string, string | undefined] {
  try {
    const reference = parseReference(text)
    return [familiarRepository(reference), reference[part]]
  } catch {
    // `<none>:<none>` beside a digest.
    return [text, undefined]
  }
}

function usedSince(at: string | undefined, now: number): string {
  return at === undefined ? 'N/A' : `${humanDuration(now - Date.parse(at))} ago`
}

function imageRow(image: ImageSummary, name: Name, { truncate, now, lastUsed }: RowOptions): Row {
  const { Size, SharedSize, Containers, Created } = image
  return {
    Containers: () => (Containers === -1 ? 'N/A' : String(Containers)),
    // Asked for by name only: docker's rows have no such field.
    ...(lastUsed && { LastUsed: () => usedSince(lastUsed.get(image.Id), now) }),
    CreatedAt: () => goTime(Created),
    CreatedSince: () => `${humanDuration(now - Created * 1000)} ago`,
    Digest: () => name.digest,
    ID: () => (truncate ? shortId(image.Id) : image.Id),
    Repository: () => name.repository,
    SharedSize: () => (SharedSize === -1 ? 'N/A' : humanSize(SharedSize)),
    Size: () => humanSize(Size, 3),
    Tag: () => name.tag,
    VirtualSize: () => humanSize(Size),
    UniqueSize: () => (Size === -1 || SharedSize === -1 ? 'N/A' : humanSize(Size - SharedSize)),
  }
}
