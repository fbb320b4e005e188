/** How a container is to be run on this host. */
import { Type, type Static } from 'typebox'
import { Address, ConsoleSize } from './go.ts'
import { Mount } from './mount.ts'
import { resourceFields, Resources, RestartPolicy } from './resources.ts'

export const PortBinding = Type.Object(
  {
    HostIp: Type.Optional(Address),
    HostPort: Type.Optional(Type.String()),
  },
  { go: 'network.PortBinding' },
)
export type PortBinding = Static<typeof PortBinding>

export const PortMap = Type.Record(Type.String(), Type.Array(PortBinding), { keys: 'network.Port' })
export type PortMap = Static<typeof PortMap>

export const HostConfig = Type.Object(
  {
    ...Resources.properties,
    Binds: Type.Optional(Type.Array(Type.String())),
    ContainerIDFile: Type.Optional(Type.String()),
    LogConfig: Type.Optional(
      Type.Object(
        {
          Type: Type.Optional(Type.String()),
          Config: Type.Optional(Type.Record(Type.String(), Type.String())),
        },
        { go: 'container.LogConfig' },
      ),
    ),
    NetworkMode: Type.Optional(Type.String({ go: 'container.NetworkMode' })),
    PortBindings: Type.Optional(PortMap),
    RestartPolicy: Type.Optional(RestartPolicy),
    AutoRemove: Type.Optional(Type.Boolean()),
    VolumeDriver: Type.Optional(Type.String()),
    VolumesFrom: Type.Optional(Type.Array(Type.String())),
    Mounts: Type.Optional(Type.Array(Mount)),
    ConsoleSize: Type.Optional(ConsoleSize),
    Annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    CapAdd: Type.Optional(Type.Array(Type.String())),
    CapDrop: Type.Optional(Type.Array(Type.String())),
    CgroupnsMode: Type.Optional(Type.String({ go: 'container.CgroupnsMode' })),
    Dns: Type.Optional(Type.Array(Address)),
    DnsOptions: Type.Optional(Type.Array(Type.String())),
    DnsSearch: Type.Optional(Type.Array(Type.String())),
    ExtraHosts: Type.Optional(Type.Array(Type.String())),
    GroupAdd: Type.Optional(Type.Array(Type.String())),
    IpcMode: Type.Optional(Type.String({ go: 'container.IpcMode' })),
    Cgroup: Type.Optional(Type.String({ go: 'container.CgroupSpec' })),
    Links: Type.Optional(Type.Array(Type.String())),
    OomScoreAdj: Type.Optional(Type.Integer({ go: 'int' })),
    PidMode: Type.Optional(Type.String({ go: 'container.PidMode' })),
    Privileged: Type.Optional(Type.Boolean()),
    PublishAllPorts: Type.Optional(Type.Boolean()),
    ReadonlyRootfs: Type.Optional(Type.Boolean()),
    SecurityOpt: Type.Optional(Type.Array(Type.String())),
    StorageOpt: Type.Optional(Type.Record(Type.String(), Type.String())),
    Tmpfs: Type.Optional(Type.Record(Type.String(), Type.String())),
    UTSMode: Type.Optional(Type.String({ go: 'container.UTSMode' })),
    UsernsMode: Type.Optional(Type.String({ go: 'container.UsernsMode' })),
    ShmSize: Type.Optional(Type.Integer()),
    Sysctls: Type.Optional(Type.Record(Type.String(), Type.String())),
    Runtime: Type.Optional(Type.String()),
    Isolation: Type.Optional(Type.String({ go: 'container.Isolation' })),
    MaskedPaths: Type.Optional(Type.Array(Type.String())),
    ReadonlyPaths: Type.Optional(Type.Array(Type.String())),
    /** Of API 1.40 only; refused there, ignored elsewhere. */
    Capabilities: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'container.HostConfig', embeds: { Resources: resourceFields } },
)
export type HostConfig = Static<typeof HostConfig>
