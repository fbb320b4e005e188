import { Type, type Static } from 'typebox'
import { EndpointSettings } from './container.ts'
import { Address, Prefix } from './go.ts'

export const IPAMConfig = Type.Object(
  {
    Subnet: Type.Optional(Prefix),
    IPRange: Type.Optional(Prefix),
    Gateway: Type.Optional(Address),
    AuxiliaryAddresses: Type.Optional(Type.Record(Type.String(), Address)),
  },
  { go: 'network.IPAMConfig' },
)
export type IPAMConfig = Static<typeof IPAMConfig>

export const IPAM = Type.Object(
  {
    Driver: Type.Optional(Type.String()),
    Config: Type.Optional(Type.Array(IPAMConfig)),
    Options: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { go: 'network.IPAM' },
)
export type IPAM = Static<typeof IPAM>

export const ConfigReference = Type.Object(
  { Network: Type.Optional(Type.String()) },
  { go: 'network.ConfigReference' },
)
export type ConfigReference = Static<typeof ConfigReference>

export const NetworkConnectRequest = Type.Object(
  {
    Container: Type.Optional(Type.String()),
    EndpointConfig: Type.Optional(EndpointSettings),
  },
  { go: 'network.ConnectRequest' },
)
export type NetworkConnectRequest = Static<typeof NetworkConnectRequest>

export const NetworkDisconnectRequest = Type.Object(
  {
    Container: Type.Optional(Type.String()),
    Force: Type.Optional(Type.Boolean()),
  },
  { go: 'network.DisconnectRequest' },
)
export type NetworkDisconnectRequest = Static<typeof NetworkDisconnectRequest>

export interface PeerInfo {
  Name: string
  IP: string
}

export interface Network {
  Name: string
  Id: string
  Created: string
  Scope: string
  Driver: string
  EnableIPv4: boolean
  EnableIPv6: boolean
  IPAM: {
    Driver: string
    Options: Record<string, string> | null
    Config: Array<IPAMConfig> | null
  }
  Internal: boolean
  Attachable: boolean
  Ingress: boolean
  ConfigFrom: ConfigReference
  ConfigOnly: boolean
  Options: Record<string, string>
  Labels: Record<string, string>
  Peers?: Array<PeerInfo>
}

export interface EndpointResource {
  Name: string
  EndpointID: string
  MacAddress: string
  IPv4Address: string
  IPv6Address: string
}

export interface SubnetStatus {
  IPsInUse: number
  DynamicIPsAvailable: number
}

export interface IPAMStatus {
  Subnets?: Record<string, SubnetStatus>
}

export interface NetworkStatus {
  IPAM: IPAMStatus
}

export interface NetworkInspect extends Network {
  /** By container id. */
  Containers: Record<string, EndpointResource>
  /** From API 1.52 on. */
  Status?: NetworkStatus
}

export type NetworkSummary = Network

export interface NetworkCreateResponse {
  Id: string
  Warning: string
}

export const NetworkCreateRequest = Type.Object(
  {
    Name: Type.Optional(Type.String()),
    Driver: Type.Optional(Type.String()),
    Scope: Type.Optional(Type.String()),
    Internal: Type.Optional(Type.Boolean()),
    Attachable: Type.Optional(Type.Boolean()),
    Ingress: Type.Optional(Type.Boolean()),
    ConfigOnly: Type.Optional(Type.Boolean()),
    ConfigFrom: Type.Optional(ConfigReference),
    IPAM: Type.Optional(IPAM),
    EnableIPv4: Type.Optional(Type.Boolean()),
    EnableIPv6: Type.Optional(Type.Boolean()),
    Options: Type.Optional(Type.Record(Type.String(), Type.String())),
    Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { go: 'network.CreateRequest' },
)
export type NetworkCreateRequest = Static<typeof NetworkCreateRequest>
