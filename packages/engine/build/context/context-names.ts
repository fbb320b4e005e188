/** `--build-context NAME=…`: names as BuildKit compares them, and what their values say. */
import { type Platform, familiarString, formatPlatform, parseReference } from '@tdocker/oci'
import { invalidParameter } from '../../base/errors.ts'
import type { Dockerfile } from '../dockerfile/instruction.ts'
import { type GitRef, parseGitRef } from '../git/git-ref.ts'

export type ContextSpec =
  | { kind: 'image'; reference: string }
  | { kind: 'git'; ref: GitRef }
  | { kind: 'url'; url: string }
  /** A directory of the client's, by the name its session has for it. */
  | { kind: 'client'; name: string }
  /** An image in a directory of the client's that is an OCI layout. */
  | { kind: 'layout'; name: string; digest: string }

export class ContextNames {
  readonly #values: ReadonlyMap<string, string>

  /** Throws invalidParameter. */
  constructor(contexts: Readonly<Record<string, string>>) {
    this.#values = new Map(
      Object.entries(contexts).map(([name, value]) => [normalized(name), value]),
    )
  }

  /** What a stage, FROM or `--from` names, where it was given; one of the platform goes first. */
  find(name: string, platform?: Platform): string | undefined {
    if (this.#values.size === 0 || /^(scratch|context)$/i.test(name)) return undefined
    let key: string
    try {
      key = normalized(name)
    } catch {
      // No name of an image: others say so.
      return undefined
    }
    const ofPlatform = platform && this.#values.get(`${key}::${formatPlatform(platform)}`)
    return ofPlatform ?? this.#values.get(key)
  }

  /** The Dockerfile with stages that such a context stands for: nothing of them is run. */
  override(dockerfile: Dockerfile): Dockerfile {
    if (this.#values.size === 0) return dockerfile
    const stages = dockerfile.stages.map((stage) =>
      stage.name !== '' && this.find(stage.name) !== undefined
        ? { ...stage, base: stage.name, instructions: [] }
        : stage,
    )
    return { ...dockerfile, stages }
  }
}

function normalized(name: string): string {
  const [, base = name, platform = ''] = /^(.*?)(::.*)$/.exec(name) ?? []
  try {
    return familiarString(parseReference(base)).replace(/:latest$/, '') + platform
  } catch (error) {
    throw invalidParameter(`invalid context name ${name}: ${(error as Error).message}`, error)
  }
}

/** Throws invalidParameter in BuildKit's words (dockerui/namedcontext.go). */
export function parseContextSpec(name: string, value: string): ContextSpec {
  const at = value.indexOf(':')
  if (at < 0) throw invalidParameter(`invalid context specifier ${value} for ${name}`)
  const scheme = value.startsWith('git@') ? 'git' : value.slice(0, at)
  const rest = value.slice(at + 1).replace(/^\/\//, '')
  switch (scheme) {
    case 'docker-image':
      return { kind: 'image', reference: rest }
    case 'git':
    case 'ssh': {
      const ref = parseGitRef(value)
      if (!ref) throw invalidParameter(`invalid git context ${value}`)
      return { kind: 'git', ref }
    }
    case 'http':
    case 'https': {
      const ref = parseGitRef(value)
      return ref ? { kind: 'git', ref } : { kind: 'url', url: value }
    }
    case 'oci-layout': {
      const [, client = '', digest] = /^([^@]*?)(?::[^@:/]*)?(?:@(.*))?$/.exec(rest) ?? []
      if (digest === undefined || !/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(digest))
        throw invalidParameter(`oci-layout reference ${JSON.stringify(rest)} has no digest`)
      return { kind: 'layout', name: client, digest }
    }
    case 'client':
    case 'local':
      return { kind: 'client', name: value.slice(at + 1) }
    default:
      throw invalidParameter(`unsupported context source ${scheme} for ${name}`)
  }
}
