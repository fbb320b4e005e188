/** testcontainers-node, installed beside the project: as much of its types as is used here. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const installed = join(import.meta.dirname, '../../.runtime/testcontainers/package.json')

export const skip: string | false = existsSync(installed)
  ? false
  : 'testcontainers is not installed: scripts/test does it'

export interface ExecResult {
  output: string
  stdout: string
  stderr: string
  exitCode: number
}

interface Copied {
  source?: string
  content?: string
  target: string
  mode?: number
}

export interface StartedContainer {
  stop(options?: { timeout?: number; remove?: boolean }): Promise<unknown>
  restart(options?: { timeout?: number }): Promise<void>
  getHost(): string
  getHostname(): string
  getMappedPort(port: number): number
  getName(): string
  getLabels(): Record<string, string>
  getId(): string
  getNetworkNames(): string[]
  getIpAddress(network: string): string
  copyArchiveFromContainer(path: string): Promise<Readable>
  copyArchiveToContainer(tar: Readable, target: string): Promise<void>
  copyDirectoriesToContainer(directories: Copied[]): Promise<void>
  copyFilesToContainer(files: Copied[]): Promise<void>
  copyContentToContainer(contents: Copied[]): Promise<void>
  exec(command: string | string[], options?: object): Promise<ExecResult>
  logs(options?: { since?: number; tail?: number }): Promise<Readable>
}

export interface Builder {
  start(): Promise<StartedContainer>
  withName(name: string): this
  withEnvironment(environment: Record<string, string>): this
  withCommand(command: string[]): this
  withEntrypoint(entrypoint: string[]): this
  withTmpFs(mounts: Record<string, string>): this
  withUlimits(ulimits: Record<string, { soft: number; hard: number }>): this
  withSecurityOpt(...options: string[]): this
  withAddedCapabilities(...capabilities: string[]): this
  withDroppedCapabilities(...capabilities: string[]): this
  withExposedPorts(...ports: number[]): this
  withBindMounts(mounts: Array<{ source: string; target: string; mode?: 'ro' | 'rw' }>): this
  withWaitStrategy(strategy: WaitStrategy): this
  withExtraHosts(hosts: Array<{ host: string; ipAddress: string }>): this
  withHealthCheck(check: {
    test: string[]
    interval: number
    timeout: number
    retries: number
  }): this
  withUser(user: string): this
  withPullPolicy(policy: object): this
  withReuse(): this
  withAutoRemove(remove: boolean): this
  withCopyFilesToContainer(files: Copied[]): this
  withCopyDirectoriesToContainer(directories: Copied[]): this
  withCopyContentToContainer(contents: Copied[]): this
  withWorkingDir(directory: string): this
  withResourcesQuota(quota: { memory?: number; cpu?: number }): this
  withSharedMemorySize(bytes: number): this
  withLogConsumer(consumer: (stream: Readable) => unknown): this
  withHostname(hostname: string): this
  withLabels(labels: Record<string, string>): this
  withNetwork(network: StartedNetwork): this
  withNetworkAliases(...aliases: string[]): this
}

export interface StartedNetwork {
  getId(): string
  getName(): string
  stop(): Promise<void>
}

export interface WaitStrategy {
  withStartupTimeout(milliseconds: number): this
}

interface HttpWait extends WaitStrategy {
  forStatusCode(code: number): this
  forResponsePredicate(test: (body: string) => boolean): this
}

interface ImageBuilder {
  withBuildArgs(args: Record<string, string>): this
  withCache(cache: boolean): this
  withTarget(stage: string): this
  build(image?: string, options?: { deleteOnExit: boolean }): Promise<Builder>
}

interface Testcontainers {
  GenericContainer: {
    new (image: string): Builder
    fromDockerfile(context: string, dockerfile?: string): ImageBuilder
  }
  Network: new () => { start(): Promise<StartedNetwork> }
  PullPolicy: { defaultPolicy(): object; alwaysPull(): object }
  Wait: {
    forAll(strategies: WaitStrategy[]): WaitStrategy
    forLogMessage(message: string | RegExp, times?: number): WaitStrategy
    forListeningPorts(): WaitStrategy
    forHttp(path: string, port: number): HttpWait
    forHealthCheck(): WaitStrategy
    forOneShotStartup(): WaitStrategy
    forSuccessfulCommand(command: string): WaitStrategy
  }
}

/** Loads it for a daemon: it reads the environment once, when it first needs an engine. */
export function testcontainersFor(socket: string, configDirectory: string): Testcontainers {
  Object.assign(process.env, {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: configDirectory,
    // The image of its collector is not to be had without Docker Hub.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    TESTCONTAINERS_REUSE_ENABLE: 'true',
  })
  return createRequire(installed)('testcontainers') as Testcontainers
}
