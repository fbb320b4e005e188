/** What a container is: command, environment, labels. */
import { Type, type Static } from 'typebox'
import { EmptyStruct } from './go.ts'

export const HealthConfig = Type.Object(
  {
    Test: Type.Optional(Type.Array(Type.String())),
    Interval: Type.Optional(Type.Integer()),
    Timeout: Type.Optional(Type.Integer()),
    Retries: Type.Optional(Type.Integer({ go: 'int' })),
    StartPeriod: Type.Optional(Type.Integer()),
    StartInterval: Type.Optional(Type.Integer()),
  },
  { go: 'container.HealthcheckConfig' },
)
export type HealthConfig = Static<typeof HealthConfig>

export const ContainerConfig = Type.Object(
  {
    Hostname: Type.Optional(Type.String()),
    Domainname: Type.Optional(Type.String()),
    User: Type.Optional(Type.String()),
    AttachStdin: Type.Optional(Type.Boolean()),
    AttachStdout: Type.Optional(Type.Boolean()),
    AttachStderr: Type.Optional(Type.Boolean()),
    ExposedPorts: Type.Optional(Type.Record(Type.String(), EmptyStruct, { keys: 'network.Port' })),
    Tty: Type.Optional(Type.Boolean()),
    OpenStdin: Type.Optional(Type.Boolean()),
    StdinOnce: Type.Optional(Type.Boolean()),
    Env: Type.Optional(Type.Array(Type.String())),
    Cmd: Type.Optional(Type.Array(Type.String())),
    Healthcheck: Type.Optional(HealthConfig),
    ArgsEscaped: Type.Optional(Type.Boolean()),
    Image: Type.Optional(Type.String()),
    Volumes: Type.Optional(Type.Record(Type.String(), EmptyStruct)),
    WorkingDir: Type.Optional(Type.String()),
    Entrypoint: Type.Optional(Type.Array(Type.String())),
    NetworkDisabled: Type.Optional(Type.Boolean()),
    OnBuild: Type.Optional(Type.Array(Type.String())),
    Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    StopSignal: Type.Optional(Type.String()),
    StopTimeout: Type.Optional(Type.Integer({ go: 'int' })),
    Shell: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'container.Config' },
)
/** Body of a commit: a config, or nothing. */
export const CommitRequest = Type.Object(ContainerConfig.properties, {
  go: 'container.commitRequest',
  embeds: { Config: Object.keys(ContainerConfig.properties) },
})

export type ContainerConfig = Static<typeof ContainerConfig>
