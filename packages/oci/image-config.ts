import { InvalidDigest, parseDigest } from './digest.ts'

/** OCI image configuration (image-spec config.md) with Docker's additions. */
export interface ImageConfig {
  architecture: string
  os: string
  variant?: string
  'os.version'?: string
  created?: string
  author?: string
  /** Docker's, of images made by commit, import or the classic builder. */
  comment?: string
  parent?: string
  docker_version?: string
  container?: string
  /** As it was, of the container it was made of. */
  container_config?: Readonly<Record<string, unknown>>
  config?: {
    User?: string
    ExposedPorts?: Record<string, unknown>
    Env?: string[]
    Entrypoint?: string[]
    Cmd?: string[]
    Volumes?: Record<string, unknown>
    WorkingDir?: string
    Labels?: Record<string, string>
    StopSignal?: string
    Shell?: string[]
    OnBuild?: string[]
    ArgsEscaped?: boolean
    Healthcheck?: {
      Test?: string[]
      Interval?: number
      Timeout?: number
      StartPeriod?: number
      StartInterval?: number
      Retries?: number
    }
  }
  rootfs: { type: string; diff_ids: string[] }
  history?: Array<{
    created?: string
    created_by?: string
    author?: string
    comment?: string
    empty_layer?: boolean
  }>
  /** Ours, of images built with inline cache; whoever reads it checks it. */
  'tdocker.build.cache.v1'?: readonly unknown[]
}

const BUILD_CACHE = 'tdocker.build.cache.v1'

export class InvalidImageConfig extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidImageConfig'
  }
}

/**
 * Reads a config that a registry, archive or client sent. Go writes `null` for what is empty: those
 * fields are left out here; a field of a wrong type is an error, never passed on.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const root = asObject(parseJson(bytes), 'image config')
  const runtime = root['config']
  const container = root['container_config']
  return {
    architecture: text(root, 'architecture') ?? '',
    os: text(root, 'os') ?? '',
    ...texts(root, ['variant', 'os.version', 'created', 'author', 'comment', 'parent']),
    ...texts(root, ['docker_version', 'container']),
    ...(runtime != null && { config: readRuntime(asObject(runtime, 'config')) }),
    ...(container != null && { container_config: readContainer(asObject(container, 'config')) }),
    rootfs: readRootfs(root['rootfs']),
    ...(root['history'] != null && { history: array(root, 'history').map(readHistory) }),
    ...(Array.isArray(root[BUILD_CACHE]) && { [BUILD_CACHE]: root[BUILD_CACHE] }),
  }
}

function readRootfs(value: unknown): ImageConfig['rootfs'] {
  if (value == null) throw new InvalidImageConfig('invalid rootfs in image configuration')
  const rootfs = asObject(value, 'rootfs')
  const ids = rootfs['diff_ids'] == null ? [] : strings(rootfs, 'diff_ids')
  for (const id of ids) {
    try {
      parseDigest(id)
    } catch (error) {
      const reason = error instanceof InvalidDigest ? error.message : String(error)
      throw new InvalidImageConfig(`invalid diff ID "${id}" in image configuration: ${reason}`)
    }
  }
  return { type: text(rootfs, 'type') ?? 'layers', diff_ids: ids }
}

function readRuntime(object: Fields): NonNullable<ImageConfig['config']> {
  const lists = ['Env', 'Entrypoint', 'Cmd', 'Shell', 'OnBuild'] as const
  const sets = ['ExposedPorts', 'Volumes'] as const
  const result: Fields = { ...texts(object, ['User', 'WorkingDir', 'StopSignal']) }
  for (const key of lists) if (object[key] != null) result[key] = strings(object, key)
  for (const key of sets) {
    if (object[key] != null) {
      const names = Object.keys(asObject(object[key], key))
      result[key] = Object.fromEntries(names.map((name) => [name, {}]))
    }
  }
  if (object['Labels'] != null) result['Labels'] = labels(asObject(object['Labels'], 'Labels'))
  if (object['ArgsEscaped'] === true) result['ArgsEscaped'] = true
  if (object['Healthcheck'] != null) {
    result['Healthcheck'] = readHealthcheck(asObject(object['Healthcheck'], 'Healthcheck'))
  }
  return result as NonNullable<ImageConfig['config']>
}

/** What only a container has is told to old clients, who read it as it is. */
function readContainer(object: Fields): Fields {
  const flags = ['AttachStdin', 'AttachStdout', 'AttachStderr', 'Tty', 'OpenStdin', 'StdinOnce']
  const set = flags.filter((key) => object[key] === true).map((key) => [key, true] as const)
  return {
    ...texts(object, ['Hostname', 'Domainname', 'Image']),
    ...Object.fromEntries(set),
    ...readRuntime(object),
  }
}

function readHealthcheck(object: Fields): Fields {
  const result: Fields = {}
  if (object['Test'] != null) result['Test'] = strings(object, 'Test')
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries']) {
    const value = object[key]
    if (value == null) continue
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(key)
    result[key] = value
  }
  return result
}

function readHistory(value: unknown): NonNullable<ImageConfig['history']>[number] {
  const object = asObject(value, 'history')
  return {
    ...texts(object, ['created', 'created_by', 'author', 'comment']),
    ...(object['empty_layer'] === true && { empty_layer: true }),
  }
}

type Fields = Record<string, unknown>

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new InvalidImageConfig('image configuration is not JSON')
  }
}

function asObject(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what)
  return value as Fields
}

function array(object: Fields, key: string): unknown[] {
  const value = object[key]
  if (!Array.isArray(value)) throw wrong(key)
  return value
}

function strings(object: Fields, key: string): string[] {
  const values = array(object, key)
  if (!values.every((value) => typeof value === 'string')) throw wrong(key)
  return values
}

function text(object: Fields, key: string): string | undefined {
  const value = object[key]
  if (value == null || value === '') return undefined
  if (typeof value !== 'string') throw wrong(key)
  return value
}

function texts<K extends string>(object: Fields, keys: readonly K[]): { [P in K]?: string } {
  const pairs = keys.map((key) => [key, text(object, key)] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as {
    [P in K]?: string
  }
}

function labels(object: Fields): Record<string, string> {
  const pairs = Object.entries(object)
  if (!pairs.every((pair) => typeof pair[1] === 'string')) throw wrong('Labels')
  return Object.fromEntries(pairs) as Record<string, string>
}

function wrong(what: string): InvalidImageConfig {
  return new InvalidImageConfig(`invalid ${what} in image configuration`)
}
