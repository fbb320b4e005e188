import type { Operation } from './operations.ts'

/**
 * Operations of ours beside the Engine API. Their paths are none of moby's, so that another daemon
 * answers "page not found" rather than doing something else.
 */
export const ownOperations: readonly Operation[] = [
  { id: 'BuildHistoryList', method: 'GET', path: '/build/history', tag: 'Image' },
  { id: 'BuildHistoryInspect', method: 'GET', path: '/build/history/{id}', tag: 'Image' },
  { id: 'BuildOutput', method: 'GET', path: '/build/outputs/{token}', tag: 'Image' },
  { id: 'ContainerDryRun', method: 'POST', path: '/containers/dry-run', tag: 'Container' },
  { id: 'ContainerPortAdd', method: 'POST', path: '/containers/{id}/ports/add', tag: 'Container' },
  {
    id: 'ContainerPortRemove',
    method: 'POST',
    path: '/containers/{id}/ports/remove',
    tag: 'Container',
  },
  { id: 'BuildSession', method: 'POST', path: '/build/session', tag: 'Image' },
  { id: 'ContentPrune', method: 'POST', path: '/content/prune', tag: 'System' },
  /** moby's, which its description of the API leaves out. */
  { id: 'Grpc', method: 'POST', path: '/grpc', tag: 'Session' },
  { id: 'SystemFsck', method: 'POST', path: '/fsck', tag: 'System' },
  { id: 'ImageLastUsed', method: 'GET', path: '/images/last-used', tag: 'Image' },
  {
    id: 'DistributionReferrers',
    method: 'GET',
    path: '/distribution/{name}/referrers',
    tag: 'Distribution',
  },
]
