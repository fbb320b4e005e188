import { hostname } from 'node:os'
import { Regexp } from '../../base/regexp/regexp.ts'
import type { LogOptions } from './options.ts'
import { expandTemplate, type TemplateFields } from './template.ts'

/** What a driver may tell of the container: moby's logger.Info. */
export interface LogInfo {
  config: LogOptions
  id: string
  /** Without the leading slash. */
  name: string
  path: string
  args: readonly string[]
  imageId: string
  imageName: string
  createdNs: bigint
  env: readonly string[]
  labels: Readonly<Record<string, string>>
}

export const DEFAULT_TAG = '{{.ID}}'

const SHORT_ID = 12

/** `tag`, expanded. Throws a plain Error in Go's words. */
export function logTag(info: LogInfo, byDefault: string): string {
  const template = info.config['tag'] || byDefault
  return template.includes('{{') ? expandTemplate(template, templateFields(info)) : template
}

function templateFields(info: LogInfo): TemplateFields {
  return {
    ID: info.id.slice(0, SHORT_ID),
    FullID: info.id,
    Name: info.name,
    Command: [info.path, ...info.args].join(' '),
    ImageID: info.imageId.replace(/^sha256:/, '').slice(0, SHORT_ID),
    ImageFullID: info.imageId,
    ImageName: info.imageName,
    DaemonName: 'docker',
    Hostname: hostname(),
    Config: info.config,
    ContainerID: info.id,
    ContainerName: `/${info.name}`,
    ContainerEntrypoint: info.path,
    ContainerArgs: info.args,
    ContainerImageID: info.imageId,
    ContainerImageName: info.imageName,
    ContainerCreated: new Date(Number(info.createdNs / 1_000_000n)).toISOString(),
    ContainerEnv: info.env,
    ContainerLabels: info.labels,
    LogPath: '',
  }
}

/**
 * The labels and variables a container's log options choose. `renamed` makes the keys a driver
 * accepts. Throws a plain Error for a bad regular expression.
 */
export function extraAttributes(
  info: LogInfo,
  renamed: (key: string) => string = (key) => key,
): Record<string, string> {
  const attributes = Object.create(null) as Record<string, string>
  const environment = Object.fromEntries(
    info.env.flatMap((entry) => {
      const equals = entry.indexOf('=')
      return equals === -1 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)]]
    }),
  ) as Record<string, string>
  const take = (from: Readonly<Record<string, string>>, names: string, pattern: string): void => {
    for (const name of names.split(','))
      if (Object.hasOwn(from, name)) attributes[renamed(name)] = from[name]!
    if (pattern === '') return
    const expression = new Regexp(pattern)
    for (const [name, value] of Object.entries(from))
      if (expression.test(name)) attributes[renamed(name)] = value
  }
  take(info.labels, info.config['labels'] ?? '', info.config['labels-regex'] ?? '')
  take(environment, info.config['env'] ?? '', info.config['env-regex'] ?? '')
  return attributes
}

/** Attributes as the local file carries them; '' for none. The tag only where one was asked for. */
export function fileAttributes(info: LogInfo): string {
  const attributes = extraAttributes(info)
  const tag = info.config['tag'] ? logTag(info, '') : ''
  if (tag !== '') attributes['tag'] = tag
  const sorted = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.length === 0 ? '' : JSON.stringify(Object.fromEntries(sorted))
}
