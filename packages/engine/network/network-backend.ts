/** What networks offer to whoever speaks to clients; the daemon's routes ask for the same by structure. */
import type {
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
} from '@tdocker/api'
import type { Filters } from '../backend-types.ts'

export interface NetworkPruneReport {
  NetworksDeleted: string[] | null
}

export interface NetworkBackend {
  /** `attached`: with their containers, as old clients expect. */
  list(o: { filters: Filters; attached: boolean }): Promise<Network[]>
  /** By name, id or unique id prefix. Throws notFound `network x not found`. */
  inspect(reference: string, o: { scope: string; status: boolean }): Promise<NetworkInspect>
  create(body: NetworkCreateRequest): Promise<NetworkCreateResponse>
  remove(reference: string): Promise<void>
  connect(reference: string, body: NetworkConnectRequest): Promise<void>
  disconnect(reference: string, body: NetworkDisconnectRequest): Promise<void>
  prune(o: { filters: Filters }): Promise<NetworkPruneReport>
}

/** Containers as networks see them. */
export interface NetworkUsers {
  /** Running containers and their endpoints by network name. */
  attached(): Iterable<{
    id: string
    name: string
    endpoints: Readonly<Record<string, EndpointSettings>>
  }>
  /** Throws notFound with Docker's sentence when there is no such container. */
  connect(container: string, network: string, asked: EndpointSettings): Promise<void>
  disconnect(container: string, network: string, force: boolean): Promise<void>
}
