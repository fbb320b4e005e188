import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { system } from '../../base/errors.ts'
import type { ResolvedUser } from './plan-input.ts'

/**
 * The user of a container or exec, found in /etc/passwd and /etc/group of its own tree. These files
 * are the image's: they are read with a bound, parsed here, and never given to libc.
 */

const maxId = 2 ** 31 - 1
const maxFileBytes = 8 * 1024 * 1024
/** NGROUPS_MAX of the kernel. */
const maxGroups = 65_536

/** Reads the files below `root` and resolves `spec`. Throws system with Docker's sentence. */
export async function resolveUser(o: {
  native: Pick<Native, 'readFileIn'>
  /** Descriptor of the container's root. */
  root: number
  /** `Config.User` or `-u`. */
  spec: string
  /** `HostConfig.GroupAdd`. */
  groupAdd?: readonly string[]
}): Promise<ResolvedUser> {
  const [passwd, group] = await Promise.all([
    readOptional(o.native, o.root, '/etc/passwd'),
    readOptional(o.native, o.root, '/etc/group'),
  ])
  return lookUpUser({ spec: o.spec, groupAdd: o.groupAdd ?? [], passwd, group })
}

/** A file that is missing, or not a regular file within bounds, counts as empty, as in Docker. */
async function readOptional(
  native: Pick<Native, 'readFileIn'>,
  root: number,
  path: string,
): Promise<string> {
  try {
    return (await native.readFileIn({ root, path, max: maxFileBytes })).toString('utf8')
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    if (error.code === 'EFBIG') throw system(`${path} of the container is too large`, error)
    return ''
  }
}

/**
 * `user`, `uid`, `user:group`, `uid:gid`, … or '' for root. A number is always an id, never a
 * name: an image may hold a user called "1000" with uid 0.
 */
export function lookUpUser(o: {
  spec: string
  groupAdd: readonly string[]
  passwd: string
  group: string
}): ResolvedUser {
  const [userPart = '', groupPart = ''] = o.spec.split(':')
  const uid = parseId(userPart)
  const gid = parseId(groupPart)
  const wanted = userPart === '' ? 0 : uid
  const entry = findLine(o.passwd, passwdLine, (line) =>
    wanted === undefined ? line.name === userPart : line.uid === wanted,
  )
  if (!entry && wanted === undefined) {
    throw system(`unable to find user ${userPart}: no matching entries in passwd file`)
  }
  if (entry) checkIds(entry.uid, entry.gid)
  const primary = primaryGroup(o.group, groupPart, gid, entry?.gid ?? 0)
  const member = groupPart === '' && entry ? memberships(o.group, entry.name) : []
  const added = o.groupAdd.map((name) => groupId(o.group, name))
  const groups = [...new Set([primary, ...member, ...added])]
  if (groups.length > maxGroups) throw system(`user ${o.spec} is in too many groups`)
  return { uid: entry?.uid ?? wanted ?? 0, gid: primary, groups, home: entry?.home || '/' }
}

function primaryGroup(
  group: string,
  name: string,
  gid: number | undefined,
  fallback: number,
): number {
  if (name === '') return fallback
  if (gid !== undefined) return gid
  return groupId(group, name)
}

function groupId(group: string, name: string): number {
  const id = parseId(name)
  if (id !== undefined) return id
  const entry = findLine(group, groupLine, (line) => line.name === name)
  if (!entry) throw system(`unable to find group ${name}: no matching entries in group file`)
  checkIds(entry.gid)
  return entry.gid
}

function memberships(group: string, user: string): number[] {
  const gids: number[] = []
  findLine(group, groupLine, (line) => {
    if (line.members.includes(user)) gids.push(line.gid)
    return false
  })
  checkIds(...gids)
  return gids
}

interface PasswdLine {
  name: string
  uid: number
  gid: number
  home: string
}

interface GroupLine {
  name: string
  gid: number
  members: string[]
}

/** passwd(5) */
function passwdLine(fields: string[]): PasswdLine {
  const [name = '', , uid = '', gid = '', , home = ''] = fields
  return { name, uid: fileId(uid), gid: fileId(gid), home }
}

/** group(5) */
function groupLine(fields: string[]): GroupLine {
  const [name = '', , gid = '', members = ''] = fields
  return { name, gid: fileId(gid), members: members.split(',') }
}

/** The first line that fits; blank lines and comments are skipped. */
function findLine<T>(
  text: string,
  parse: (fields: string[]) => T,
  fits: (line: T) => boolean,
): T | undefined {
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const parsed = parse(line.split(':'))
    if (fits(parsed)) return parsed
  }
  return undefined
}

/** An id as a file writes it; NaN where it is not a number, which no id equals. */
function fileId(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

/** undefined for a name. Signs and leading zeros are Go's Atoi: '+5' and '005' are 5. */
function parseId(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const id = Number(text)
  if (id < 0 || id > maxId) throw outOfRange()
  return id
}

function checkIds(...ids: readonly number[]): void {
  if (!ids.every((id) => id >= 0 && id <= maxId)) throw outOfRange()
}

function outOfRange(): Error {
  return system(`uids and gids must be in range 0-${maxId}`)
}
