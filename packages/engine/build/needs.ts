/** What builds need of the other rooms, declared by the consumer. */
import type { AuthConfig, ContainerCreateRequest } from '@tdocker/api'
import type { ImageConfig, Platform } from '@tdocker/oci'
import type { Readable } from 'node:stream'
import type { StepMount } from '../backend-types.ts'
import type { TarSource } from '../backend-types.ts'
import type { Statement } from '../store/store.ts'

export type { StepMount }

/** image/ */
export interface BuildImages {
  /**
   * An image that is here, by name, id or prefix; undefined when there is none. Throws
   * invalidParameter for what is no name, notFound for one of another platform.
   */
  find(reference: string, platform: string | undefined): BuildImage | undefined
  /** Whether an image of this full id is here and not removed. */
  isHere(id: string): boolean
  /** Full id; throws notFound. */
  get(id: string): BuildImage
  /** `auths`: by registry, as `X-Registry-Config` has them. */
  pull(o: {
    reference: string
    platform: string | undefined
    auths: Readonly<Record<string, AuthConfig>>
    signal: AbortSignal
    progress: (message: object) => void
  }): Promise<void>
  /** A place for a step's layer, made while the step is at work; for its commit, or to be disposed of. */
  room(): StepRoom
  /** Makes an image of another one (none: of nothing) and maybe a layer; answers its id. */
  commit(step: StepCommit): Promise<string>
  /** A step that another image's history tells of, as an image of its own; answers its id. */
  restore(step: StepRestore): Promise<string>
  /** The same image with other fields at the top of its config; answers its id. */
  annotate(id: string, fields: Partial<ImageConfig>): Promise<string>
  /** Makes an image of another one whose times or layers are others; answers its id. */
  stamp(stamp: ImageStamp): Promise<string>
  /** An image as an archive, under names it need not have in the store; `close` lets go of it. */
  archive(o: {
    id: string
    tags: readonly BuildTag[]
    ociOnly: boolean
    annotations: Readonly<Record<string, string>>
    /** Layers are compressed. */
    gzip: boolean
    signal: AbortSignal
    done: (whole: boolean) => void
  }): Promise<{ digest: string; open: () => TarSource; close: () => void }>
  /** Of an image that was named so; answers the manifest's digest and size. */
  push(o: {
    tag: BuildTag
    auths: Readonly<Record<string, AuthConfig>>
    signal: AbortSignal
    progress: (message: object) => void
  }): Promise<{ digest: string; size: number }>
  /** Out of an archive; answers their ids. `platform`: empty for this machine's. */
  load(o: { body: Readable; platform: string; signal: AbortSignal }): Promise<string[]>
  /** Names in the form of `-t`. Throws invalidParameter in moby's words. */
  parseTags(tags: readonly string[]): BuildTag[]
  /** Names an image and tells so. */
  tag(id: string, tag: BuildTag): Promise<void>
  /** A directory with an owner row, gone after a crash and when it is disposed of. */
  workspace(): Promise<AsyncDisposable & { directory: string }>
}

export interface BuildImage {
  id: string
  config: ImageConfig
  /** Directories of the unpacked layers, topmost first. */
  lowers: string[]
}

export interface BuildTag {
  /** As people read it, with its tag. */
  readonly name: string
}

export type RuntimeConfig = NonNullable<ImageConfig['config']>

export type StepRoom = AsyncDisposable

export interface StepCommit {
  /** undefined: from scratch. */
  parentId: string | undefined
  platform: Platform
  config: RuntimeConfig
  /** What the history says, and `container_config.Cmd`. */
  createdBy: readonly string[]
  containerId: string | undefined
  author: string
  /** The layer's tar; undefined for a change of the config alone. */
  tar: AsyncIterable<Uint8Array> | undefined
  room?: StepRoom | undefined
  signal: AbortSignal
  /** Committed in the transaction that makes the image. */
  statements(imageId: string, size: number): readonly Statement[]
}

export interface StepRestore {
  /** undefined: from scratch. Its history is the beginning of the other one's. */
  parentId: string | undefined
  sourceId: string
  /** Of the step, in the history. */
  index: number
  config: RuntimeConfig
}

export interface ImageStamp {
  /** Of the image it is made of. */
  id: string
  /** Whose layers stay as they are. */
  baseId: string | undefined
  /** What each other layer's tar becomes; undefined: they all stay. */
  layer: ((tar: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined
  config(config: ImageConfig, base: ImageConfig | undefined, diffIds: string[]): ImageConfig
  signal: AbortSignal
  /** Committed along with it. */
  statements(imageId: string): readonly Statement[]
}

/** container/ */
export interface StepContainers {
  create(o: {
    name: string
    body: ContainerCreateRequest
    buildStep: true
    stepMounts: readonly StepMount[]
    /** Committed with the container's row. */
    statements: readonly Statement[]
  }): Promise<{ Id: string; Warnings: string[] }>
  start(id: string, extras: StepExtras): Promise<void>
  attach(
    id: string,
    o: { stdin: boolean; stdout: boolean; stderr: boolean; stream: boolean; logs: boolean },
    hijack: { take(o: object): Promise<{ fd: number; head: Buffer }>; signal: AbortSignal },
  ): Promise<void>
  wait(
    id: string,
    o: { condition: 'not-running' | 'next-exit' | 'removed'; signal: AbortSignal },
  ): Promise<{ result: Promise<{ StatusCode: number }> }>
  remove(id: string, o: { force: boolean; volumes: boolean; link: boolean }): Promise<void>
  /** What it has changed, as a layer's tar; `stubs` are made for mounts, and no change. */
  upper(
    id: string,
    stubs: readonly string[],
  ): Promise<AsyncDisposable & { tar: AsyncIterable<Uint8Array> }>
}

/** What no row and no answer ever tells of a step. */
export interface StepExtras {
  /** Detached mounts of one file each; the descriptors stay the caller's. */
  mounts: ReadonlyArray<{ fd: number; target: string; readonly: boolean }>
  /** `KEY=VALUE`. */
  env: readonly string[]
}

/** A user of a file's owner names: container/plan. */
export type ResolveOwner = (o: {
  root: number
  spec: string
}) => Promise<{ uid: number; gid: number }>
