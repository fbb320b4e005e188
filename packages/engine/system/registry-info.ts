import type { SystemInfo } from '@tdocker/api'
import type { EngineConfig } from '../config.ts'
import { HUB, parseMirror } from '../registry/mirror.ts'

type RegistryInfo = SystemInfo['RegistryConfig']
type IndexInfo = RegistryInfo['IndexConfigs'][string]

/** A registry with mirrors of its own is listed with them; `Mirrors` at the top are Hub's, as moby has it. */
export function registryConfig(
  config: Pick<EngineConfig, 'registryMirrors' | 'insecureRegistries'>,
): RegistryInfo {
  const insecure = config.insecureRegistries.filter((entry) => !entry.includes('/'))
  const mirrors = config.registryMirrors.map(parseMirror)
  const mirrorsOf = (host: string): string[] =>
    mirrors.filter((mirror) => mirror.host === host).map((mirror) => mirror.url)
  const others = new Set([...insecure, ...mirrors.map((mirror) => mirror.host)])
  others.delete(HUB)
  const index = (Name: string): [string, IndexInfo] => [
    Name,
    { Name, Mirrors: mirrorsOf(Name), Secure: !insecure.includes(Name), Official: Name === HUB },
  ]
  return {
    InsecureRegistryCIDRs: [
      '::1/128',
      '127.0.0.0/8',
      ...config.insecureRegistries.filter((entry) => entry.includes('/')),
    ],
    IndexConfigs: Object.fromEntries([HUB, ...others].map(index)),
    Mirrors: mirrorsOf(HUB),
  }
}
