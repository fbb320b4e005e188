/** Requests about containers; the other subjects of the noun have files of their own. */
import { Type, type Static } from 'typebox'
import { ContainerConfig } from './container-config.ts'
import { NetworkingConfig } from './endpoint.ts'
import { HostConfig } from './host-config.ts'
import { resourceFields, Resources, RestartPolicy } from './resources.ts'

export * from './container-config.ts'
export * from './container-inspect.ts'
export * from './container-stats.ts'
export * from './endpoint.ts'
export * from './host-config.ts'
export * from './mount.ts'
export * from './resources.ts'

export const ContainerCreateRequest = Type.Object(
  {
    ...ContainerConfig.properties,
    HostConfig: Type.Optional(HostConfig),
    NetworkingConfig: Type.Optional(NetworkingConfig),
    /** Container-wide, before API 1.52; moved into the endpoint by the daemon. */
    MacAddress: Type.Optional(Type.String()),
  },
  { go: 'container.CreateRequest', embeds: { Config: Object.keys(ContainerConfig.properties) } },
)
export type ContainerCreateRequest = Omit<
  Static<typeof ContainerCreateRequest>,
  'NetworkingConfig'
> & {
  NetworkingConfig?: NetworkingConfig
}

export const ContainerUpdateRequest = Type.Object(
  {
    ...Resources.properties,
    RestartPolicy: Type.Optional(RestartPolicy),
  },
  { go: 'container.UpdateConfig', embeds: { Resources: resourceFields } },
)
export type ContainerUpdateRequest = Static<typeof ContainerUpdateRequest>
