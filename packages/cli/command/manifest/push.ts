import type { FlagSet } from '../../flag/flag-set.ts'
import { digestOf } from '../../client/registry/repository.ts'
import type { Repository } from '../../client/registry/repository.ts'
import { parseReference } from '../../format/reference.ts'
import type { Reference } from '../../format/reference.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { repositoryOf } from './fetch.ts'
import { blobsOf, listOf, listText, payloadOf } from './image-manifest.ts'
import type { ImageManifest } from './image-manifest.ts'
import { fullName, manifestName, targetOf } from './names.ts'
import { ManifestStore } from './store.ts'

export const command: Command = {
  use: '[OPTIONS] MANIFEST_LIST',
  short: 'Bring a manifest list to its registry',
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const insecure = flags.bool(
      'insecure',
      '',
      false,
      'Speak to registries without certificates too',
    )
    const purge = flags.bool('purge', 'p', false, 'Delete the local list afterwards')
    return async (cli, [target = '']) => {
      const name = manifestName(target)
      const store = new ManifestStore(cli)
      const manifests = store.getList(name)
      if (manifests.length === 0) throw new Error(`${fullName(name)} not found`)
      manifests.forEach(checkPlatform)
      const list = listOf(name, manifests)
      const repository = await repositoryOf(cli, name, {
        insecure: insecure.value || isLoopback(name.domain),
        write: true,
      })
      const others = manifests.filter(({ Ref }) => parseReference(Ref).path !== name.path)
      for (const manifest of others) await mountBlobs(repository, name, manifest)
      for (const manifest of others) await pushManifest(cli, repository, name, manifest)
      const body = Buffer.from(listText(list))
      const digest = await put(repository, name, list.mediaType, body)
      cli.print(`${digest}\n`)
      if (purge.value) store.remove(name)
    }
  },
}

function checkPlatform({ Ref, Descriptor: { platform } }: ImageManifest): void {
  if (platform?.architecture && platform.os) return
  throw new Error(`manifest ${Ref} must have an OS and Architecture to be pushed to a registry`)
}

/** Registries on this machine are taken as they are, as the daemon takes them. */
function isLoopback(domain: string): boolean {
  return /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/.test(domain)
}

/** An image of another repository comes without its bytes passing here. */
async function mountBlobs(
  repository: Repository,
  target: Reference,
  manifest: ImageManifest,
): Promise<void> {
  const { path } = parseReference(manifest.Ref)
  for (const digest of blobsOf(manifest)) {
    const source = `${path}@${digest}`
    let isMounted: boolean
    try {
      isMounted = await repository.mount(digest, path)
    } catch (error) {
      const { message } = error as Error
      throw new Error(`failed to mount blob ${source} to ${fullName(target)}: ${message}`)
    }
    // Layers of Windows may be anywhere but in the registry.
    if (!isMounted && manifest.Descriptor.platform?.os !== 'windows') {
      throw new Error(`error mounting ${source} to ${fullName(target)}`)
    }
  }
}

async function pushManifest(
  cli: Cli,
  repository: Repository,
  { domain, path }: Reference,
  manifest: ImageManifest,
): Promise<void> {
  const { digest, mediaType } = manifest.Descriptor
  const body = payloadOf(manifest)
  if (digestOf(body) !== digest) {
    throw new Error(
      `internal digest mismatch for ${manifest.Ref}: expected ${digest}, got ${digestOf(body)}`,
    )
  }
  const name = { domain, path, digest }
  const pushed = await put(repository, name, mediaType, body)
  cli.print(`Pushed ref ${fullName(name)} with digest: ${pushed}\n`)
}

async function put(
  repository: Repository,
  name: Reference,
  mediaType: string,
  body: Buffer,
): Promise<string> {
  try {
    return await repository.putManifest(targetOf(name), mediaType, body)
  } catch (error) {
    throw new Error(`failed to put manifest ${fullName(name)}: ${(error as Error).message}`)
  }
}
