import { statSync } from 'node:fs'
import type { Mount } from '@tdocker/api'
import { invalidParameter, system } from '../../base/errors.ts'
import { idmapProblem } from './idmap.ts'
import type { MountRecord } from './mount-record.ts'
import { cleanPath } from './validate-config.ts'

const PROPAGATIONS = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'])
const DEFAULT_PROPAGATION = 'rprivate'
interface WordGroup {
  has(word: string): boolean
}

const MODE_GROUPS: readonly WordGroup[] = [
  new Set(['rw', 'ro']),
  new Set(['z', 'Z']),
  PROPAGATIONS,
  new Set(['nocopy']),
  new Set(['consistent', 'cached', 'delegated']),
  { has: isIdmapWord },
]

const invalidSpec = (text: string): string => `invalid volume specification: '${text}'`

/** One `HostConfig.Binds` entry: `source:target[:mode]`, `volume:target[:mode]` or `target`. What is wrong is moby's 500. */
export function parseBind(text: string, volumeDriver: string): MountRecord {
  const parts = splitBind(text)
  const { source, target, mode } = parts
  if (!isMode(mode)) throw system(`invalid mode: ${mode}`)
  const idmap = idmapOf(mode)
  const options = mode.split(',')
  const propagation = options.find((option) => PROPAGATIONS.has(option))
  const isBind = source.startsWith('/')
  const reason = isBind
    ? ((options.includes('nocopy') ? 'field VolumeOptions must not be specified' : undefined) ??
      targetProblem(target) ??
      pathProblem(source))
    : ((propagation !== undefined ? 'field BindOptions must not be specified' : undefined) ??
      targetProblem(target))
  if (reason !== undefined)
    throw system(
      `${invalidSpec(text)}: invalid mount config for type "${isBind ? 'bind' : 'volume'}": ${reason}`,
    )
  return {
    ...blankRecord(cleanPath(target)),
    type: isBind ? 'bind' : 'volume',
    name: isBind ? '' : source,
    source: isBind ? cleanPath(source) : '',
    driver: isBind ? '' : volumeDriver,
    mode,
    ...(idmap === undefined ? {} : { idmap }),
    readWrite: !options.includes('ro'),
    propagation: isBind ? (propagation ?? DEFAULT_PROPAGATION) : '',
    anonymous: !isBind && source === '',
    copyData: !isBind && !options.includes('nocopy'),
    createSource: true,
  }
}

function splitBind(text: string): { source: string; target: string; mode: string } {
  const parts = text.split(':')
  const bad = (): Error => system(invalidSpec(text))
  if (parts[0] === '' || parts.length > 3) throw bad()
  if (parts.length === 1) return { source: '', target: parts[0]!, mode: '' }
  // `/data:ro` names no source, and a volume made by its target alone takes no mode.
  if (parts.length === 2 && isMode(parts[1]!)) throw bad()
  return { source: parts[0]!, target: parts[1]!, mode: parts[2] ?? '' }
}

function isMode(mode: string): boolean {
  if (mode === '') return true
  const counts = new Map<WordGroup, number>()
  for (const option of mode.split(',')) {
    const group = MODE_GROUPS.find((set) => set.has(option))
    if (!group) return false
    counts.set(group, (counts.get(group) ?? 0) + 1)
  }
  return [...counts.values()].every((count) => count === 1)
}

/** `idmap` or `idmap=…`; what it says is checked with the rest. */
function isIdmapWord(word: string): boolean {
  return word === 'idmap' || word.startsWith('idmap=')
}

/** Throws system for a mapping that says nothing. */
function idmapOf(mode: string): string | undefined {
  const word = mode.split(',').find(isIdmapWord)
  if (word === undefined) return undefined
  const text = word.slice('idmap='.length)
  const problem = idmapProblem(text)
  if (problem !== undefined) throw system(`invalid mode: ${mode}: ${problem}`)
  return text
}

/** A volume of a path alone, of the image's or the user's `VOLUME`: what it says is not checked. */
export function anonymousVolume(target: string, volumeDriver: string): MountRecord {
  return {
    ...blankRecord(cleanPath(target)),
    type: 'volume',
    driver: volumeDriver,
    anonymous: true,
    copyData: true,
  }
}

/** `VolumesFrom`: `container[:ro|rw|z|Z]`. */
export function parseVolumesFrom(text: string): { container: string; readWrite: boolean } {
  if (text === '') throw invalidParameter('volumes-from specification cannot be an empty string')
  const colon = text.indexOf(':')
  if (colon < 0) return { container: text, readWrite: true }
  const mode = text.slice(colon + 1)
  const options = mode.split(',')
  const copiesOrPropagates = options.some((o) => PROPAGATIONS.has(o) || o === 'nocopy')
  if (!isMode(mode) || copiesOrPropagates) throw invalidParameter(`invalid mode: ${mode}`)
  return { container: text.slice(0, colon), readWrite: !options.includes('ro') }
}

/** One entry of `HostConfig.Mounts`; `validateMount` has passed. */
export function mountFromSpec(mount: Mount): MountRecord {
  const record: MountRecord = {
    ...blankRecord(cleanPath(mount.Target ?? '')),
    type: mount.Type as MountRecord['type'],
    readWrite: !mount.ReadOnly,
  }
  if (mount.Type === 'bind') {
    record.source = cleanPath(mount.Source ?? '')
    record.propagation = mount.BindOptions?.Propagation || DEFAULT_PROPAGATION
    record.createSource = mount.BindOptions?.CreateMountpoint ?? false
    record.recursive = !mount.BindOptions?.NonRecursive
    if (mount.BindOptions?.IDMap !== undefined) record.idmap = mount.BindOptions.IDMap
    record.recursiveReadonly =
      !record.readWrite &&
      (!mount.BindOptions?.ReadOnlyNonRecursive ||
        mount.BindOptions.ReadOnlyForceRecursive === true)
  } else if (mount.Type === 'volume') {
    record.name = mount.Source ?? ''
    record.anonymous = record.name === ''
    record.driver = mount.VolumeOptions?.DriverConfig?.Name ?? ''
    record.copyData = !mount.VolumeOptions?.NoCopy
    if (mount.VolumeOptions?.Subpath) record.subpath = mount.VolumeOptions.Subpath
  } else if (mount.Type === 'image') {
    record.propagation = DEFAULT_PROPAGATION
    record.name = mount.Source ?? ''
    record.readWrite = false
    if (mount.ImageOptions?.Subpath) record.subpath = mount.ImageOptions.Subpath
  } else if (mount.TmpfsOptions) record.tmpfs = mount.TmpfsOptions
  return record
}

/** Nothing yet, at a path. */
export function blankRecord(destination: string): MountRecord {
  return {
    type: 'tmpfs',
    name: '',
    source: '',
    destination,
    driver: '',
    mode: '',
    readWrite: true,
    propagation: '',
    anonymous: false,
    copyData: false,
    createSource: false,
    recursive: true,
    recursiveReadonly: true,
  }
}

/** Throws `invalid mount config for type "bind": …`. */
export function validateMount(mount: Mount): void {
  const reason = mountProblem(mount)
  if (reason !== undefined)
    throw invalidParameter(
      `invalid mount config for type ${JSON.stringify(mount.Type ?? '')}: ${reason}`,
    )
}

function mountProblem(mount: Mount): string | undefined {
  const type = mount.Type ?? ''
  const foreign = (
    [
      ['bind', 'BindOptions'],
      ['volume', 'VolumeOptions'],
      ['image', 'ImageOptions'],
      ['tmpfs', 'TmpfsOptions'],
    ] as const
  ).find(([owner, key]) => type !== owner && mount[key] !== undefined)
  if (foreign) return `field ${foreign[1]} must not be specified`
  const target = targetProblem(mount.Target ?? '')
  if (target !== undefined) return target
  switch (type) {
    case 'bind':
      return bindProblem(mount)
    case 'volume':
      return volumeProblem(mount)
    case 'tmpfs':
      return tmpfsProblem(mount)
    case 'image':
      return imageProblem(mount)
    default:
      return 'mount type unknown'
  }
}

function targetProblem(target: string): string | undefined {
  if (target === '') return 'field Target must not be empty'
  if (cleanPath(target) === '/') return "invalid specification: destination can't be '/'"
  return pathProblem(target)
}

function pathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return `invalid mount path: '${path}' mount path must be absolute`
  return path.includes('\0') ? 'invalid mount path: NUL bytes are not allowed' : undefined
}

function bindProblem(mount: Mount): string | undefined {
  const source = mount.Source ?? ''
  if (source === '') return 'field Source must not be empty'
  const propagation = mount.BindOptions?.Propagation
  if (propagation && !PROPAGATIONS.has(propagation))
    return `invalid propagation mode: ${propagation}`
  const path = pathProblem(source)
  if (path !== undefined) return path
  const exists = statSync(source, { throwIfNoEntry: false }) !== undefined
  if (!exists && !mount.BindOptions?.CreateMountpoint)
    return `bind source path does not exist: ${source}`
  const { IDMap } = mount.BindOptions ?? {}
  return IDMap === undefined ? undefined : idmapProblem(IDMap)
}

function imageProblem({ Source, ImageOptions }: Mount): string | undefined {
  if (!Source) return 'field Source must not be empty'
  const subpath = ImageOptions?.Subpath
  return !subpath || isLocalPath(subpath) ? undefined : INVALID_SUBPATH
}

const INVALID_SUBPATH = 'subpath must be a relative path within the volume'

function volumeProblem(mount: Mount): string | undefined {
  if (!mount.VolumeOptions?.Subpath) return undefined
  if (!mount.Source) return 'must not set Subpath when using anonymous volumes'
  return isLocalPath(mount.VolumeOptions.Subpath) ? undefined : INVALID_SUBPATH
}

/** Go's filepath.IsLocal: relative, and never above where it begins. */
export function isLocalPath(path: string): boolean {
  if (path === '' || path.startsWith('/')) return false
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) return false
  }
  return true
}

function tmpfsProblem(mount: Mount): string | undefined {
  if (mount.Source) return 'field Source must not be specified'
  for (const option of mount.TmpfsOptions?.Options ?? []) {
    if (option.length < 1 || option.length > 2) return 'invalid option array length'
    if (option[0] !== 'exec' && option[0] !== 'noexec') return `invalid option: ${option[0]}`
  }
  return undefined
}
