/**
 * The configs of Docker before 1.10, one per layer, that moby still writes into the archives it saves
 * (moby daemon/internal/image/v1, tarexport/save.go). Nobody reads them any more; they are here so that
 * an archive has the bytes that moby's has.
 */
import { chainIds, digestHex, digestOf } from '@tdocker/oci'
import { goJson, goTime, sorted } from './go-json.ts'

type Fields = Record<string, unknown>

const LOWER: Fields = { created: '1970-01-01T00:00:00Z', container_config: goConfig({}) }

/** Texts of the configs, the bottom layer's first. `config` is the image's, parsed as plain JSON. */
export function v1Configs(config: Fields, diffIds: readonly string[]): string[] {
  let parent: string | undefined
  return chainIds(diffIds).map((chainId, at) => {
    const isTop = at === diffIds.length - 1
    const fields = isTop ? topFields(config) : LOWER
    const id = v1Id(fields, chainId, parent)
    const legacy = {
      id: digestHex(id),
      ...(parent !== undefined && { parent: digestHex(parent) }),
      ...fields,
      // No part of what lower layers are named by.
      ...present(config, ['os']),
    }
    parent = id
    return goJson(legacy)
  })
}

function v1Id(fields: Fields, chainId: string, parent: string | undefined): string {
  const identity = { ...fields, layer_id: chainId, ...(parent !== undefined && { parent }) }
  return digestOf(goJson(sorted(identity)))
}

function topFields(config: Fields): Fields {
  const runtime = config['config']
  return {
    ...present(config, ['comment']),
    created: typeof config['created'] === 'string' ? goTime(config['created']) : null,
    ...present(config, ['container']),
    container_config: goConfig(asFields(config['container_config'])),
    ...present(config, ['docker_version', 'author']),
    ...(runtime != null && { config: goConfig(asFields(runtime)) }),
    ...present(config, ['architecture', 'variant', 'os']),
  }
}

/** moby's `container.Config`, every field in its order. */
function goConfig(c: Fields): Fields {
  const list = (key: string): unknown => c[key] ?? null
  return {
    Hostname: c['Hostname'] ?? '',
    Domainname: c['Domainname'] ?? '',
    User: c['User'] ?? '',
    AttachStdin: c['AttachStdin'] ?? false,
    AttachStdout: c['AttachStdout'] ?? false,
    AttachStderr: c['AttachStderr'] ?? false,
    ...filled('ExposedPorts', map(c['ExposedPorts'])),
    Tty: c['Tty'] ?? false,
    OpenStdin: c['OpenStdin'] ?? false,
    StdinOnce: c['StdinOnce'] ?? false,
    Env: list('Env'),
    Cmd: list('Cmd'),
    ...(c['Healthcheck'] != null && { Healthcheck: goHealthcheck(asFields(c['Healthcheck'])) }),
    ...filled('ArgsEscaped', c['ArgsEscaped']),
    Image: c['Image'] ?? '',
    Volumes: map(c['Volumes']),
    WorkingDir: c['WorkingDir'] ?? '',
    Entrypoint: list('Entrypoint'),
    ...filled('NetworkDisabled', c['NetworkDisabled']),
    ...filled('OnBuild', c['OnBuild']),
    Labels: map(c['Labels']),
    ...filled('StopSignal', c['StopSignal']),
    ...(c['StopTimeout'] != null && { StopTimeout: c['StopTimeout'] }),
    ...filled('Shell', c['Shell']),
  }
}

function goHealthcheck(h: Fields): Fields {
  const keys = ['Test', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries']
  return Object.assign({}, ...keys.map((key) => filled(key, h[key]))) as Fields
}

/** Go's `omitempty`. */
function filled(key: string, value: unknown): Fields {
  const isEmpty =
    value == null ||
    value === '' ||
    value === false ||
    value === 0 ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  return isEmpty ? {} : { [key]: value }
}

function present(config: Fields, keys: readonly string[]): Fields {
  return Object.assign({}, ...keys.map((key) => filled(key, config[key]))) as Fields
}

function map(value: unknown): Fields | null {
  return value == null ? null : sorted(asFields(value))
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}
