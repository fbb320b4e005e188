/** Flags of buildx that scripts give, and that mean nothing here unless they ask for more than there is. */
import type { FlagSet } from '../../flag/flag-set.ts'
import { stringsFlag } from '../../flag/kinds.ts'

// oxlint-disable-next-line explicit-function-return-type
export function defineBuildxFlags(flags: FlagSet) {
  return {
    allow: stringsFlag(flags, 'allow', 'Entitlements; the daemon decides by itself'),
    attest: flags.list('attest', '', 'Attestations; none are made (type=sbom,disabled=true)'),
    builder: flags.string('builder', '', '', 'Builder; the daemon is the only one (default)'),
    cacheTo: flags.list('cache-to', '', 'Where the cache is told of (type=inline)'),
    provenance: flags.string('provenance', '', '', 'The same as --attest=type=provenance'),
    sbom: flags.string('sbom', '', '', 'The same as --attest=type=sbom'),
  }
}

export type BuildxFlags = ReturnType<typeof defineBuildxFlags>

/** Build arguments that they stand for. Throws for what is asked for and cannot be had. */
export function buildxArguments(o: BuildxFlags): Record<string, string> {
  for (const flag of ['provenance', 'sbom'] as const)
    if (!isOff(o[flag].value)) throw new Error(`--${flag}: attestations are not supported`)
  for (const value of o.attest.value)
    if (!/(^|,)disabled=(1|true)(,|$)/i.test(value))
      throw new Error(`--attest ${value}: attestations are not supported`)
  if (!['', 'default'].includes(o.builder.value))
    throw new Error(`no builder ${JSON.stringify(o.builder.value)} found`)
  for (const value of o.cacheTo.value)
    if (value !== 'type=inline' && value !== 'inline')
      throw new Error(`--cache-to ${value}: only type=inline is supported`)
  return o.cacheTo.value.length > 0 ? { BUILDKIT_INLINE_CACHE: '1' } : {}
}

function isOff(value: string): boolean {
  return /^(|0|f|false)$/i.test(value)
}
