/**
 * Id-mapped mounts: what `idmap=` of a bind says. An extension of ours; the words are podman's:
 * `uids=FROM-TO-LENGTH#…;gids=…` maps ids of the files, from FROM on, to those the container sees.
 * With nothing said, the owner of the source is the container's user, and all others are themselves.
 */

/** Lines of uid_map and gid_map, user_namespaces(7): id of the files, id seen, length. */
export interface IdMaps {
  uids: string
  gids: string
}

interface Extent {
  from: number
  to: number
  length: number
}

/** Ids are 32 bits, of which the last stands for none. */
const IDS = 2 ** 32 - 1
/** Of one map, user_namespaces(7). */
const MAX_EXTENTS = 340

/** Why `text` is no mapping; undefined when it is one. */
export function idmapProblem(text: string): string | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** `text` has passed `idmapProblem`. */
export function idmapOf(
  text: string,
  o: { owner: { uid: number; gid: number }; user: { uid: number; gid: number } },
): IdMaps {
  const said = parse(text)
  return {
    uids: lines(said.uids ?? ownerOnly(o.owner.uid, o.user.uid)),
    gids: lines(said.gids ?? ownerOnly(o.owner.gid, o.user.gid)),
  }
}

function parse(text: string): { uids?: Extent[]; gids?: Extent[] } {
  const maps: { uids?: Extent[]; gids?: Extent[] } = {}
  if (text === '') return maps
  for (const part of text.split(';')) {
    const [key = '', value = '', ...rest] = part.split('=')
    if ((key !== 'uids' && key !== 'gids') || rest.length > 0 || key in maps)
      throw new Error(`invalid idmap ${JSON.stringify(text)}: want uids=FROM-TO-LENGTH;gids=…`)
    maps[key] = value.split('#').map(extent)
    checkOverlaps(maps[key])
  }
  return maps
}

function extent(text: string): Extent {
  const match = /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(text)
  const [from = -1, to = -1, length = -1] = (match ?? []).slice(1).map(Number)
  if (!match || length < 1 || from + length > IDS || to + length > IDS)
    throw new Error(`invalid idmap range ${JSON.stringify(text)}: want FROM-TO-LENGTH`)
  return { from, to, length }
}

function checkOverlaps(extents: readonly Extent[]): void {
  if (extents.length > MAX_EXTENTS) throw new Error('invalid idmap: too many ranges')
  for (const side of ['from', 'to'] as const) {
    const sorted = extents.toSorted((a, b) => a[side] - b[side])
    for (const [index, next] of sorted.slice(1).entries())
      if (sorted[index]![side] + sorted[index]!.length > next[side])
        throw new Error('invalid idmap: ranges overlap')
  }
}

/**
 * The owner is seen as the user. The user's own id on disk is then nobody's: who could write there
 * as somebody else could leave files of root on the host.
 */
function ownerOnly(owner: number, user: number): Extent[] {
  if (owner === user) return [{ from: 0, to: 0, length: IDS }]
  const [low, high] = owner < user ? [owner, user] : [user, owner]
  return [
    { from: owner, to: user, length: 1 },
    ...[
      { start: 0, end: low },
      { start: low + 1, end: high },
      { start: high + 1, end: IDS },
    ]
      .filter(({ start, end }) => end > start)
      .map(({ start, end }) => ({ from: start, to: start, length: end - start })),
  ]
}

function lines(extents: readonly Extent[]): string {
  return extents.map(({ from, to, length }) => `${from} ${to} ${length}\n`).join('')
}
