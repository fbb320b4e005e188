import type { FlagSet } from '../../flag/flag-set.ts'
import { bytesFlag, mapFlag } from '../../flag/kinds.ts'

/**
 * Flags of cluster volumes, which belong to a swarm: the daemon says what it thinks of them.
 * Answers a function that makes their part of the request, or undefined where none was given.
 */
export function clusterFlags(flags: FlagSet): () => object | undefined {
  const availability = flags.string(
    'availability',
    '',
    'active',
    'Availability of a cluster volume ("active", "pause", "drain")',
  )
  const group = flags.string('group', '', '', 'Group of a cluster volume')
  const limit = bytesFlag(flags, 'limit-bytes', 'Largest size of a cluster volume')
  const required = bytesFlag(flags, 'required-bytes', 'Smallest size of a cluster volume')
  const scope = flags.string(
    'scope',
    '',
    'single',
    'Scope of the access to a cluster volume ("single", "multi")',
  )
  const secret = mapFlag(flags, 'secret', 'Secret of a cluster volume')
  const sharing = flags.string(
    'sharing',
    '',
    'none',
    'Sharing of a cluster volume ("none", "readonly", "onewriter", "all")',
  )
  const preferred = flags.list('topology-preferred', '', 'Topology preferred for a cluster volume')
  const requisite = flags.list('topology-required', '', 'Topology required of a cluster volume')
  const type = flags.string('type', '', 'block', 'Access to a cluster volume ("mount", "block")')
  const all = [availability, group, limit, required, scope, secret, sharing, type]
  for (const { spec } of [...all, preferred, requisite]) flags.need(spec.name, { api: '1.42' })
  return () => {
    if (!all.some((flag) => flag.changed)) return undefined
    const secrets = Object.entries(secret.value).map(([Key, Secret]) => ({ Key, Secret }))
    return {
      Group: group.value,
      AccessMode: {
        Scope: scope.value,
        Sharing: sharing.value,
        ...(type.value === 'mount' ? { MountVolume: {} } : {}),
        ...(type.value === 'block' ? { BlockVolume: {} } : {}),
      },
      AccessibilityRequirements: {
        ...(requisite.value.length > 0 ? { Requisite: requisite.value.map(segments) } : {}),
        ...(preferred.value.length > 0 ? { Preferred: preferred.value.map(segments) } : {}),
      },
      CapacityRange: { RequiredBytes: required.value, LimitBytes: limit.value },
      ...(secrets.length > 0 ? { Secrets: secrets.sort((a, b) => (a.Key < b.Key ? -1 : 1)) } : {}),
      Availability: availability.value,
    }
  }
}

/** `zone=a,rack=2` */
function segments(text: string): { Segments: Record<string, string> } {
  const pairs = text.split(',').map((pair): [string, string] => {
    const equals = pair.indexOf('=')
    return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
  })
  return { Segments: Object.fromEntries(pairs) }
}
