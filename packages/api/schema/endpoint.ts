/** A container's place in its networks. */
import { Type, type Static } from 'typebox'
import { Address, HardwareAddress } from './go.ts'

export const EndpointIPAMConfig = Type.Object(
  {
    IPv4Address: Type.Optional(Address),
    IPv6Address: Type.Optional(Address),
    LinkLocalIPs: Type.Optional(Type.Array(Address)),
  },
  { go: 'network.EndpointIPAMConfig' },
)
export type EndpointIPAMConfig = Static<typeof EndpointIPAMConfig>

export const EndpointSettings = Type.Object(
  {
    IPAMConfig: Type.Optional(EndpointIPAMConfig),
    Links: Type.Optional(Type.Array(Type.String())),
    MacAddress: Type.Optional(HardwareAddress),
    Aliases: Type.Optional(Type.Array(Type.String())),
    DriverOpts: Type.Optional(Type.Record(Type.String(), Type.String())),
    GwPriority: Type.Optional(Type.Integer({ go: 'int' })),
    NetworkID: Type.Optional(Type.String()),
    EndpointID: Type.Optional(Type.String()),
    Gateway: Type.Optional(Address),
    IPAddress: Type.Optional(Address),
    IPPrefixLen: Type.Optional(Type.Integer({ go: 'int' })),
    IPv6Gateway: Type.Optional(Address),
    GlobalIPv6Address: Type.Optional(Address),
    GlobalIPv6PrefixLen: Type.Optional(Type.Integer({ go: 'int' })),
    DNSNames: Type.Optional(Type.Array(Type.String())),
  },
  { go: 'network.EndpointSettings' },
)
export type EndpointSettings = Omit<
  Static<typeof EndpointSettings>,
  'IPAMConfig' | 'Links' | 'Aliases' | 'DriverOpts' | 'DNSNames'
> & {
  /** Answers carry null where nothing was asked for; requests are normalised to be without. */
  IPAMConfig?: EndpointIPAMConfig | null
  Links?: string[] | null
  Aliases?: string[] | null
  DriverOpts?: Record<string, string> | null
  DNSNames?: string[] | null
}

export const NetworkingConfig = Type.Object(
  {
    EndpointsConfig: Type.Optional(Type.Record(Type.String(), EndpointSettings)),
  },
  { go: 'network.NetworkingConfig' },
)
export interface NetworkingConfig {
  EndpointsConfig?: Record<string, EndpointSettings>
}
