import { Type, type Static } from 'typebox'
import { ConsoleSize } from './go.ts'

export interface ProcessConfig {
  privileged?: boolean
  user?: string
  tty: boolean
  entrypoint: string
  arguments: Array<string>
}

export interface IDResponse {
  Id: string
}

export const ExecCreateRequest = Type.Object(
  {
    AttachStdin: Type.Optional(Type.Boolean()),
    AttachStdout: Type.Optional(Type.Boolean()),
    AttachStderr: Type.Optional(Type.Boolean()),
    ConsoleSize: Type.Optional(ConsoleSize),
    DetachKeys: Type.Optional(Type.String()),
    Tty: Type.Optional(Type.Boolean()),
    Env: Type.Optional(Type.Array(Type.String())),
    Cmd: Type.Optional(Type.Array(Type.String())),
    Privileged: Type.Optional(Type.Boolean()),
    User: Type.Optional(Type.String()),
    WorkingDir: Type.Optional(Type.String()),
  },
  { go: 'container.ExecCreateRequest' },
)
export type ExecCreateRequest = Static<typeof ExecCreateRequest>

export const ExecStartRequest = Type.Object(
  {
    Detach: Type.Optional(Type.Boolean()),
    Tty: Type.Optional(Type.Boolean()),
    ConsoleSize: Type.Optional(ConsoleSize),
  },
  { go: 'container.ExecStartRequest' },
)
export type ExecStartRequest = Static<typeof ExecStartRequest>

export interface ExecInspect {
  CanRemove: boolean
  DetachKeys: string
  ID: string
  Running: boolean
  /** null until it is done. */
  ExitCode: number | null
  ProcessConfig: ProcessConfig
  OpenStdin: boolean
  OpenStderr: boolean
  OpenStdout: boolean
  ContainerID: string
  Pid: number
}
