/** Sentences about images that clients match on; they are moby's. */
import { type Platform, type Reference, familiarName, formatPlatform, shortId } from '@tdocker/oci'

export const messages = {
  noSuchImage: (name: string): string => `No such image: ${name}`,
  noReference: 'reference does not exist',
  platformMismatch: (name: string, has: Platform, wanted: Platform): string =>
    `image with reference ${name} was found but its platform (${formatPlatform(has)}) does not match the specified platform (${formatPlatform(wanted)})`,
  noMatchingManifest: (wanted: Platform): string =>
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`,
  schema1: (reference: string): string =>
    `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${reference} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
  nothingToPush: (repository: Reference): string =>
    `An image does not exist locally with the tag: ${familiarName(repository)}`,
  rootfsMismatch: "layers from manifest don't match image configuration",
  tagDigest: 'refusing to create a tag with a digest reference',
  tagAlgorithm: 'refusing to create an ambiguous tag using digest algorithm as name',
  referenceInUse: (name: string, container: string, image: string): string =>
    `conflict: unable to remove repository reference ${JSON.stringify(name)} (must force) - container ${shortId(container)} is using its referenced image ${shortId(image)}`,
  cannotDelete: (image: string, hard: boolean, why: string): string =>
    `conflict: unable to delete ${shortId(image)} (${hard ? 'cannot' : 'must'} be forced) - ${why}`,
  usedByRunning: (container: string): string =>
    `image is being used by running container ${shortId(container)}`,
  usedByStopped: (container: string): string =>
    `image is being used by stopped container ${shortId(container)}`,
  hasChildren: 'image has dependent child images',
  severalRepositories: 'image is referenced in multiple repositories',
} as const
