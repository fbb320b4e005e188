/** Limits, devices and restart policy: what `update` can change, and `HostConfig` begins with. */
import { Type, type Static } from 'typebox'

export const DeviceMapping = Type.Object(
  {
    PathOnHost: Type.Optional(Type.String()),
    PathInContainer: Type.Optional(Type.String()),
    CgroupPermissions: Type.Optional(Type.String()),
  },
  { go: 'container.DeviceMapping' },
)
export type DeviceMapping = Static<typeof DeviceMapping>

export const DeviceRequest = Type.Object(
  {
    Driver: Type.Optional(Type.String()),
    Count: Type.Optional(Type.Integer({ go: 'int' })),
    DeviceIDs: Type.Optional(Type.Array(Type.String())),
    Capabilities: Type.Optional(Type.Array(Type.Array(Type.String()))),
    Options: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { go: 'container.DeviceRequest' },
)
export type DeviceRequest = Static<typeof DeviceRequest>

export const ThrottleDevice = Type.Object(
  {
    Path: Type.Optional(Type.String()),
    Rate: Type.Optional(Type.Integer({ go: 'uint64' })),
  },
  { go: 'blkiodev.ThrottleDevice' },
)
export type ThrottleDevice = Static<typeof ThrottleDevice>

export const Resources = Type.Object(
  {
    CpuShares: Type.Optional(Type.Integer()),
    Memory: Type.Optional(Type.Integer()),
    CgroupParent: Type.Optional(Type.String()),
    BlkioWeight: Type.Optional(Type.Integer({ go: 'uint16' })),
    BlkioWeightDevice: Type.Optional(
      Type.Array(
        Type.Object(
          {
            Path: Type.Optional(Type.String()),
            Weight: Type.Optional(Type.Integer({ go: 'uint16' })),
          },
          { go: 'blkiodev.WeightDevice' },
        ),
      ),
    ),
    BlkioDeviceReadBps: Type.Optional(Type.Array(ThrottleDevice)),
    BlkioDeviceWriteBps: Type.Optional(Type.Array(ThrottleDevice)),
    BlkioDeviceReadIOps: Type.Optional(Type.Array(ThrottleDevice)),
    BlkioDeviceWriteIOps: Type.Optional(Type.Array(ThrottleDevice)),
    CpuPeriod: Type.Optional(Type.Integer()),
    CpuQuota: Type.Optional(Type.Integer()),
    CpuRealtimePeriod: Type.Optional(Type.Integer()),
    CpuRealtimeRuntime: Type.Optional(Type.Integer()),
    CpusetCpus: Type.Optional(Type.String()),
    CpusetMems: Type.Optional(Type.String()),
    Devices: Type.Optional(Type.Array(DeviceMapping)),
    DeviceCgroupRules: Type.Optional(Type.Array(Type.String())),
    DeviceRequests: Type.Optional(Type.Array(DeviceRequest)),
    MemoryReservation: Type.Optional(Type.Integer()),
    MemorySwap: Type.Optional(Type.Integer()),
    MemorySwappiness: Type.Optional(Type.Integer()),
    NanoCpus: Type.Optional(Type.Integer()),
    OomKillDisable: Type.Optional(Type.Boolean()),
    Init: Type.Optional(Type.Boolean()),
    PidsLimit: Type.Optional(Type.Integer()),
    Ulimits: Type.Optional(
      Type.Array(
        Type.Object(
          {
            Name: Type.Optional(Type.String()),
            Soft: Type.Optional(Type.Integer()),
            Hard: Type.Optional(Type.Integer()),
          },
          { go: 'units.Ulimit' },
        ),
      ),
    ),
    CpuCount: Type.Optional(Type.Integer()),
    CpuPercent: Type.Optional(Type.Integer()),
    IOMaximumIOps: Type.Optional(Type.Integer({ go: 'uint64' })),
    IOMaximumBandwidth: Type.Optional(Type.Integer({ go: 'uint64' })),
  },
  { go: 'container.Resources' },
)
export type Resources = Static<typeof Resources>

export const RestartPolicy = Type.Object(
  {
    Name: Type.Optional(Type.String({ go: 'container.RestartPolicyMode' })),
    MaximumRetryCount: Type.Optional(Type.Integer({ go: 'int' })),
  },
  { go: 'container.RestartPolicy' },
)
export type RestartPolicy = Static<typeof RestartPolicy>

/** Those that Go has in the struct of this name: `Init` lies beside it. */
export const resourceFields = Object.keys(Resources.properties).filter((name) => name !== 'Init')
