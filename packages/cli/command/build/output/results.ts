/** `--iidfile` and `--metadata-file`. */
import { renameSync, writeFileSync } from 'node:fs'
import type { Metadata } from './receive.ts'

/**
 * `told`: of the outputs; undefined where the result is an image in the daemon's store. Of several
 * images the first is meant; trees have no id.
 */
export function writeResults(
  o: { iidfile: string; metadataFile: string; tags: readonly string[] },
  id: string,
  told: Metadata | undefined,
): void {
  const metadata = told ?? imageMetadata(id, o.tags)
  const digest = metadata['containerimage.config.digest']
  if (o.iidfile !== '') writeFileSync(o.iidfile, typeof digest === 'string' ? digest : '')
  if (o.metadataFile === '') return
  // Whole or not at all: others wait for it.
  const temporary = `${o.metadataFile}.tmp-${process.pid}`
  writeFileSync(temporary, JSON.stringify(sortedKeys(metadata), undefined, 2))
  renameSync(temporary, o.metadataFile)
}

function imageMetadata(id: string, tags: readonly string[]): Metadata {
  const names = tags.map((tag) => (/:[^/]+$/.test(tag) ? tag : `${tag}:latest`)).join(',')
  return {
    'containerimage.config.digest': id,
    'containerimage.digest': id,
    ...(names !== '' && { 'image.name': names }),
  }
}

/** As Go writes a map. */
function sortedKeys(map: Metadata): Metadata {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
