/**
 * The window of API versions the daemon serves, and what changed in which version. Gates are data:
 * code asks `since(version, 'multiplexedStream')`, never compares numbers of its own.
 */
export const maxVersion = '1.56'
export const minVersion = '1.24'

export type Gate = keyof typeof gates

/** The version from which each behaviour is on. */
export const gates = {
  imageReferenceFilter: '1.25',
  prune: '1.25',
  /** What a WebSocket carries is bytes, not text. */
  binaryWebSocket: '1.28',
  secrets: '1.25',
  /** Networks in lists come without their containers. */
  networkSummaries: '1.28',
  configs: '1.30',
  /** `wait` takes a condition and sends its head at once. */
  waitCondition: '1.30',
  /** The id of what each stage made, as `aux`. */
  buildAux: '1.30',
  buildPrune: '1.31',
  buildPlatform: '1.32',
  buildOutputs: '1.40',
  pullPlatform: '1.32',
  /** A failed removal is told in `wait`'s answer instead of by an empty one. */
  waitRemovedError: '1.34',
  bindNonRecursive: '1.40',
  createPlatform: '1.41',
  updatePidsLimit: '1.40',
  updateBlkioDevices: '1.55',
  statsOneShot: '1.41',
  cgroupnsDefault: '1.41',
  consoleSize: '1.42',
  stopSignal: '1.42',
  /** A WebSocket's client says which streams it wants; before, it got all. */
  webSocketStreams: '1.42',
  multiplexedStream: '1.42',
  sharedSize: '1.42',
  /** Prunes anonymous volumes only, unless told otherwise. */
  volumePruneAnonymous: '1.42',
  clusterVolumes: '1.42',
  diskUsageTypes: '1.42',
  mountOptionsChecked: '1.42',
  annotations: '1.43',
  /** No `<none>:<none>` for untagged images. */
  emptyRepoTags: '1.43',
  severalNetworks: '1.44',
  noVirtualSize: '1.44',
  endpointMacAddress: '1.44',
  startInterval: '1.44',
  recursiveReadOnly: '1.44',
  runtimeStatus: '1.44',
  noContainerConfig: '1.45',
  noAliasesInInspect: '1.45',
  volumeSubpath: '1.45',
  containerdInfo: '1.46',
  /** `RegistryConfig` without the lists of non-distributable artifacts. */
  noNondistributable: '1.47',
  imageCreateEvent: '1.46',
  listAnnotations: '1.46',
  imageManifests: '1.47',
  descriptor: '1.48',
  /** Images are saved and loaded by platform, later by several. */
  archivePlatform: '1.48',
  gwPriority: '1.48',
  buildPruneSpace: '1.48',
  imageMount: '1.48',
  imageInspectPlatform: '1.49',
  pushPlatform: '1.46',
  noExpectedCommit: '1.49',
  firewallBackend: '1.49',
  imageDeletePlatforms: '1.50',
  /** Without what only a container's configuration has. */
  bareImageConfig: '1.50',
  discoveredDevices: '1.50',
  imageContainers: '1.51',
  /** Health in lists; no legacy event fields, no legacy network fields, no container-wide MAC. */
  noLegacyFields: '1.52',
  archivePlatforms: '1.52',
  jsonLines: '1.52',
  listHealth: '1.52',
  networkStatus: '1.52',
  /** `system df` in its form by kind, with totals. */
  diskUsageByKind: '1.52',
  nri: '1.53',
  /** Lists tell who signed an image. */
  imageIdentity: '1.54',
  /** A hardware address for an endpoint that is connected later. */
  connectMac: '1.54',
  /** `logs` as JSON objects. */
  jsonLogs: '1.54',
  attestations: '1.55',
} as const

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.')
  const right = b.split('.')
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = number(left[i]) - number(right[i])
    if (difference !== 0) return difference
  }
  return 0
}

export function since(version: string, gate: Gate): boolean {
  return compareVersions(version, gates[gate]) >= 0
}

/** moby's sentence for a version outside of the window; undefined when it is served. */
export function versionProblem(version: string, minimum: string = minVersion): string | undefined {
  if (compareVersions(version, minimum) < 0) {
    return (
      `client version ${version} is too old. Minimum supported API version is ${minimum}, ` +
      'please upgrade your client to a newer version'
    )
  }
  if (compareVersions(version, maxVersion) > 0) {
    return `client version ${version} is too new. Maximum supported API version is ${maxVersion}`
  }
  return undefined
}

function number(part: string | undefined): number {
  const value = Number(part)
  return Number.isSafeInteger(value) ? value : 0
}
