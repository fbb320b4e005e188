import { Type, type Static } from 'typebox'
import { PortMap } from './host-config.ts'

/** Body of `POST /containers/{id}/ports/add` and `…/remove`. */
export const ContainerPortsRequest = Type.Object(
  { PortBindings: Type.Optional(PortMap) },
  { go: 'tdocker.ContainerPortsRequest' },
)
export type ContainerPortsRequest = Static<typeof ContainerPortsRequest>

/** What is published now. */
export interface ContainerPortsResponse {
  Ports: PortMap
}
