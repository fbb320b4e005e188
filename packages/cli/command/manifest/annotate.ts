import type { FlagSet } from '../../flag/flag-set.ts'
import { stringsFlag } from '../../flag/kinds.ts'
import type { Reference } from '../../format/reference.ts'
import type { Action, Command } from '../command.ts'
import { wirePlatform } from './image-manifest.ts'
import { manifestName } from './names.ts'
import { ManifestStore } from './store.ts'

export const command: Command = {
  use: '[OPTIONS] MANIFEST_LIST MANIFEST',
  short: 'Set the platform of a manifest in a local list',
  args: { kind: 'exactly', count: 2 },
  define(flags: FlagSet): Action {
    const arch = flags.string('arch', '', '', 'Architecture')
    const os = flags.string('os', '', '', 'Operating system')
    const osFeatures = stringsFlag(flags, 'os-features', 'Features of the operating system')
    const osVersion = flags.string('os-version', '', '', 'Version of the operating system')
    const variant = flags.string('variant', '', '', 'Variant of the architecture')
    return async (cli, [target = '', image = '']) => {
      const list = named(target, `annotate: error parsing name for manifest list ${target}`)
      const name = named(image, `annotate: error parsing name for manifest ${image}`)
      const store = new ManifestStore(cli)
      const manifest = store.find(list, name)
      if (!manifest) throw new Error(`manifest for image ${image} does not exist in ${target}`)
      const before = wirePlatform(manifest.Descriptor.platform ?? {})
      const platform = wirePlatform({
        architecture: arch.value || before.architecture,
        os: os.value || before.os,
        'os.version': osVersion.value || (before['os.version'] ?? ''),
        'os.features': [...new Set([...(before['os.features'] ?? []), ...osFeatures.value])],
        variant: variant.value || (before.variant ?? ''),
      })
      if (!known.has(`${platform.os}/${platform.architecture}`)) {
        throw new Error(
          `manifest entry for image has unsupported os/arch combination: ${os.value}/${arch.value}`,
        )
      }
      manifest.Descriptor.platform = platform
      store.save(list, name, manifest)
    }
  },
}

function named(text: string, problem: string): Reference {
  try {
    return manifestName(text)
  } catch (error) {
    throw new Error(`${problem}: ${(error as Error).message}`)
  }
}

/** What Go runs on (go.dev/doc/install/source), as far as docker takes it. */
const known: ReadonlySet<string> = new Set(
  Object.entries({
    darwin: '386 amd64 arm arm64',
    dragonfly: 'amd64',
    freebsd: '386 amd64 arm',
    linux: '386 amd64 arm arm64 ppc64le mips64 mips64le riscv64 s390x',
    netbsd: '386 amd64 arm',
    openbsd: '386 amd64 arm',
    plan9: '386 amd64',
    solaris: 'amd64',
    windows: '386 amd64',
  }).flatMap(([os, architectures]) => architectures.split(' ').map((arch) => `${os}/${arch}`)),
)
