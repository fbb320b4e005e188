import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { FlagSet } from '../../flag/flag-set.ts'
import { quote } from '../../flag/scalar.ts'
import {
  destinationEnd,
  linkTarget,
  planCopy,
  rebase,
  sourceEnd,
  sourceNames,
} from '../../archive/copy-info.ts'
import type { CopyEnd } from '../../archive/copy-info.ts'
import { clean, keepEnding } from '../../archive/path.ts'
import { humanSize } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { programName } from '../program.ts'
import {
  getArchive,
  isDirectoryMode,
  isLinkMode,
  putArchive,
  refuseDevice,
  statPath,
} from './archive-api.ts'
import { CopyProgress } from './copy-progress.ts'

interface CopyOptions {
  readonly archive: boolean
  readonly followLink: boolean
  readonly quiet: boolean
}

export const command: Command = {
  use: `[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-
	${programName} cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH`,
  short: `Copy files and directories between a container and the local file system

'-' as the source reads a tar archive from stdin and unpacks it in a
directory of the container. '-' as the destination writes the source as a
tar archive to stdout.`,
  aliases: ['container cp', 'cp'],
  args: { kind: 'exactly', count: 2 },
  define(flags: FlagSet): Action {
    const archive = flags.bool('archive', 'a', false, 'Keep the user and group IDs of the files')
    const followLink = flags.bool('follow-link', 'L', false, 'Follow a link in SRC_PATH')
    const quiet = flags.bool('quiet', 'q', false, 'Do not show the progress, as without a terminal')
    return async (cli, [source = '', destination = '']) => {
      if (source === '') throw new Error('source can not be empty')
      if (destination === '') throw new Error('destination can not be empty')
      await copy(cli, source, destination, {
        archive: archive.value,
        followLink: followLink.value,
        quiet: quiet.changed ? quiet.value : !cli.stdout.isTTY,
      })
    }
  },
}

function copy(cli: Cli, source: string, destination: string, options: CopyOptions): Promise<void> {
  const from = splitArgument(source)
  const to = splitArgument(destination)
  if (from.container !== '' && to.container !== '') {
    throw new Error('copying between containers is not supported')
  }
  if (from.container !== '') return copyOut(cli, from, to.path, options)
  if (to.container !== '') return copyIn(cli, from.path, to, options)
  throw new Error('must specify at least one container source')
}

interface Place {
  readonly container: string
  readonly path: string
}

/** `CONTAINER:PATH`; what begins with `/` or `.` is a local path, whatever colons it has. */
function splitArgument(text: string): Place {
  const colon = text.indexOf(':')
  if (text.startsWith('/') || text.startsWith('.') || colon < 0)
    return { container: '', path: text }
  return { container: text.slice(0, colon), path: text.slice(colon + 1) }
}

async function copyOut(
  cli: Cli,
  { container, path }: Place,
  destination: string,
  { followLink, quiet }: CopyOptions,
): Promise<void> {
  const target = destination === '-' ? '-' : keepEnding(resolve(destination), destination)
  checkOutput(target)
  const { resolved, rebaseName } = await sourceIn(cli, container, path, followLink)
  const { stat, content } = await getArchive(cli, container, resolved)
  if (target === '-') {
    const { pipeline } = await import('node:stream/promises')
    return pipeline(content, cli.stdout, { end: false })
  }
  const source = {
    path: resolved,
    exists: true,
    isDirectory: isDirectoryMode(stat.mode),
    rebaseName,
  }
  const progress = new CopyProgress(quiet ? undefined : cli.stderr, 'Copying from container - ')
  try {
    await unpack(progress.count(content), source, target)
  } finally {
    content.destroy()
    progress.stop()
    if (!quiet) {
      cli.printError(`Successfully copied ${humanSize(progress.total, 3)} to ${target}\n`)
    }
  }
}

/** With `-L` the end of a link is copied, under the link's name. */
async function sourceIn(
  cli: Cli,
  container: string,
  path: string,
  followLink: boolean,
): Promise<{ resolved: string; rebaseName: string }> {
  const stat = followLink ? await statPath(cli, container, path) : undefined
  if (!stat || !isLinkMode(stat.mode)) return { resolved: path, rebaseName: '' }
  return rebase(path, linkTarget(path, stat.linkTarget))
}

async function unpack(
  content: AsyncIterable<Buffer>,
  source: CopyEnd,
  target: string,
): Promise<void> {
  const [{ readTar }, { unpackTree }] = await Promise.all([
    import('../../archive/tar-reader.ts'),
    import('../../archive/unpack.ts'),
  ])
  const { directory, rename } = planCopy(source, destinationEnd(target))
  const named = sourceNames(source)
  await unpackTree(readTar(content), directory, (name) => rename(named(name)))
}

function checkOutput(path: string): void {
  const cleaned = clean(path)
  const parent = cleaned.slice(0, cleaned.lastIndexOf('/') + 1)
  const directory = parent === '' ? '.' : clean(parent)
  if (directory !== '.' && !statSync(directory, { throwIfNoEntry: false })) {
    throw new Error(`invalid output path: directory ${quote(directory)} does not exist`)
  }
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isBlockDevice() || there?.isCharacterDevice()) {
    throw new Error(
      `invalid output path: ${quote(path)} must be a directory or a regular file: got a device`,
    )
  }
}

async function copyIn(
  cli: Cli,
  source: string,
  { container, path }: Place,
  { archive, followLink, quiet }: CopyOptions,
): Promise<void> {
  const local = source === '-' ? '-' : keepEnding(resolve(source), source)
  const destination = await destinationIn(cli, container, path)
  if (local === '-' && !destination.isDirectory) {
    throw new Error(`destination "${container}:${path}" must be a directory`)
  }
  const { directory, content } =
    local === '-'
      ? { directory: destination.path, content: cli.stdin as AsyncIterable<Buffer> }
      : await packFor(sourceEnd(local, followLink), destination)
  const counted = new CopyProgress(quiet ? undefined : cli.stderr, 'Copying to container - ')
  const body = Readable.from(local === '-' ? content : counted.count(content), {
    objectMode: false,
  })
  try {
    await putArchive(cli, container, directory, body, archive)
  } finally {
    body.destroy()
    counted.stop()
    if (!quiet) {
      const size = humanSize(counted.total, 3)
      cli.printError(`Successfully copied ${size} to ${container}:${destination.path}\n`)
    }
  }
}

/** What is at the destination; a link there is followed once. Unknown is "not there". */
async function destinationIn(cli: Cli, container: string, path: string): Promise<CopyEnd> {
  let resolved = path
  let stat = await statPath(cli, container, path)
  if (stat && isLinkMode(stat.mode)) {
    resolved = linkTarget(path, stat.linkTarget)
    stat = await statPath(cli, container, resolved)
  }
  refuseDevice(stat?.mode ?? 0, container, path)
  return {
    path: resolved,
    exists: stat !== undefined,
    isDirectory: stat !== undefined && isDirectoryMode(stat.mode),
    rebaseName: '',
  }
}

async function packFor(
  source: CopyEnd,
  destination: CopyEnd,
): Promise<{ directory: string; content: AsyncIterable<Buffer> }> {
  const { packTree } = await import('../../archive/pack.ts')
  const { directory, rename } = planCopy(source, destination)
  const named = sourceNames(source)
  return { directory, content: packTree(source.path, (name) => rename(named(name))) }
}
