/** As much of dockerode as is used here; it comes without types. */
import { createRequire } from 'node:module'
import { PassThrough, type Duplex, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

export type Stream = NodeJS.ReadableStream & { destroy(): void }

interface Inspected {
  Id: string
  Name: string
  State: { Running: boolean; ExitCode: number; Status: string }
  HostConfig: Record<string, unknown>
}

export interface Docker {
  modem: {
    demuxStream(from: NodeJS.ReadableStream, out: PassThrough, err: PassThrough): void
    followProgress(
      stream: Stream,
      finished: (error: Error | null, output: object[]) => void,
      progress?: (event: object) => void,
    ): void
  }
  createContainer(body: object): Promise<Container>
  getContainer(id: string): Container
  getImage(name: string): {
    inspect(): Promise<{ Id: string; RepoTags: string[]; RepoDigests: string[] }>
    tag(options: { repo: string; tag: string }): Promise<unknown>
    remove(options?: object): Promise<object[]>
  }
  getVolume(name: string): {
    inspect(): Promise<{ Name: string; Labels: Record<string, string> }>
    remove(): Promise<unknown>
  }
  listContainers(
    options?: object,
  ): Promise<Array<{ Id: string; Names: string[]; State: string; SizeRootFs?: number }>>
  listImages(options?: object): Promise<Array<{ RepoTags: string[] }>>
  listVolumes(options?: object): Promise<{ Volumes: Array<{ Name: string }> }>
  createVolume(body: object): Promise<{ name: string }>
  pruneContainers(options?: object): Promise<{ ContainersDeleted: string[] }>
  pull(name: string): Promise<Stream>
  buildImage(
    context: NodeJS.ReadableStream | { context: string; src: string[] },
    options?: object,
  ): Promise<Stream>
  getEvents(options?: object): Promise<Stream>
  run(
    image: string,
    cmd: string[],
    out: PassThrough | PassThrough[],
    create?: object,
  ): Promise<[{ StatusCode: number }, Container]>
  ping(): Promise<Buffer>
  info(): Promise<{ OSType: string }>
  version(): Promise<{ ApiVersion: string }>
  df(): Promise<{ Images: object[] }>
}

export interface Container {
  id: string
  start(options?: object): Promise<unknown>
  stop(options?: { t?: number; signal?: string; abortSignal?: AbortSignal }): Promise<unknown>
  restart(options?: { t?: number }): Promise<unknown>
  pause(): Promise<unknown>
  unpause(): Promise<unknown>
  rename(options: { name: string }): Promise<unknown>
  update(body: object): Promise<{ Warnings: string[] | null }>
  resize(options: { h: number; w: number }): Promise<unknown>
  top(options?: { ps_args: string }): Promise<{ Titles: string[]; Processes: string[][] }>
  changes(): Promise<Array<{ Path: string; Kind: number }>>
  export(): Promise<Readable>
  getArchive(options: { path: string }): Promise<Readable>
  infoArchive(options: {
    path: string
  }): Promise<{ headers: Record<string, string | undefined>; resume(): void }>
  putArchive(tar: Buffer | NodeJS.ReadableStream | string, options: object): Promise<unknown>
  stats(options: { stream: false; 'one-shot'?: boolean }): Promise<{ id: string }>
  stats(options: { stream: true }): Promise<Stream>
  wait(options?: { condition?: string }): Promise<{ StatusCode: number }>
  attach(options: object): Promise<Duplex>
  exec(options: object): Promise<Exec>
  logs(options: { follow: false; stdout?: boolean; stderr?: boolean }): Promise<Buffer>
  logs(options: object): Promise<Stream>
  inspect(options?: object): Promise<Inspected>
  kill(options?: { signal: string }): Promise<unknown>
  remove(options?: object): Promise<unknown>
}

export interface Exec {
  start(options: object): Promise<Duplex>
  resize(options: { h: number; w: number }): Promise<unknown>
  inspect(): Promise<{ ExitCode: number; Running: boolean }>
}

export const Dockerode = createRequire(import.meta.url)('dockerode') as new (options: {
  socketPath: string
  version?: string
}) => Docker

/** Reads both streams of a multiplexed one to their end. */
export async function demux(
  docker: Docker,
  from: NodeJS.ReadableStream,
): Promise<{ out: string; err: string }> {
  const out = new PassThrough()
  const err = new PassThrough()
  docker.modem.demuxStream(from, out, err)
  from.once('end', () => {
    out.end()
    err.end()
  })
  const [outText, errText] = await Promise.all([text(out), text(err)])
  return { out: outText, err: errText }
}
