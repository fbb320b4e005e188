/** What a build gives back: names in the store, a push, archives and trees that the client fetches. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Build } from '../solve/build.ts'
import type { TracedStep } from '../solve/build-trace.ts'
import type { Opened, OutputOffers } from './offers.ts'
import type { PlannedOutput, Stamp } from './plan-outputs.ts'
import { type Solved, stampedImage } from './stamp.ts'
import { treeArchive } from './tree-archive.ts'

export interface Delivery {
  solved: Solved
  outputs: readonly PlannedOutput[]
  /** `SOURCE_DATE_EPOCH` of the build. */
  epoch: number | undefined
  offers: OutputOffers
}

/** By which a client knows what is said about its outputs. */
export const OUTPUT_MESSAGE = 'tdocker.output'

/** Of buildx' metadata file. */
type Metadata = Readonly<Record<string, string>>

/** Answers the image's id: of the first output that has one of its own. */
export async function deliver(build: Build, d: Delivery): Promise<string> {
  const ids: string[] = []
  for (const output of d.outputs)
    ids.push(await stampedImage(build, d.solved, stampOf(build, d, output)))
  const [id = d.solved.id] = ids
  if (id !== d.solved.id) build.options.progress({ aux: { ID: id } } as JSONMessage)
  build.options.progress({
    stream: `Successfully built ${id.replace(/^sha256:/, '').slice(0, 12)}\n`,
  })
  for (const [at, output] of d.outputs.entries()) {
    const exported = build.trace.step(`export ${output.index}`, NAMES[output.kind](output))
    const metadata = await exported.run(() => give(build, d, output, { id: ids[at]!, exported }))
    if (build.options.outputs.length > 0) tell(build, { Index: output.index, Metadata: metadata })
  }
  return id
}

/** As BuildKit's displays name them. */
const NAMES: Record<PlannedOutput['kind'], (o: PlannedOutput) => string> = {
  image: () => 'exporting to image',
  archive: ({ type }) => `exporting to ${type} image format`,
  tree: ({ type }) => `exporting to client ${type === 'tar' ? 'tarball' : 'directory'}`,
  nothing: () => 'exporting nothing',
}

function epochOf(d: Delivery, output: PlannedOutput): number | undefined {
  return output.epoch === 'none' ? undefined : (output.epoch ?? d.epoch)
}

/** Trees are stamped on their way. */
function stampOf(build: Build, d: Delivery, output: PlannedOutput): Stamp | undefined {
  if (output.kind === 'tree' || output.kind === 'nothing') return undefined
  const epoch = epochOf(d, output)
  if (epoch !== undefined) return { epoch, rewrite: output.rewrite }
  if (output.rewrite)
    build.options.progress({
      stream: '[Warning] rewrite-timestamp is specified, but no source-date-epoch was found\n',
    })
  return undefined
}

interface Given {
  id: string
  exported: TracedStep
}

function give(build: Build, d: Delivery, output: PlannedOutput, given: Given): Promise<Metadata> {
  switch (output.kind) {
    case 'image':
      return giveImage(build, output, given)
    case 'archive':
      return giveArchive(build, d, output, given)
    case 'tree':
      return giveTree(build, d, output, given)
    case 'nothing':
      return Promise.resolve({})
  }
}

async function giveImage(
  build: Build,
  { tags, push }: PlannedOutput & { kind: 'image' },
  { id, exported }: Given,
): Promise<Metadata> {
  const { images, options } = build
  exported.status(`writing image ${id}`).done()
  for (const tag of tags) {
    await images.tag(id, tag)
    exported.status(`naming to ${tag.name}`).done()
    options.progress({ stream: `Successfully tagged ${tag.name}\n` })
  }
  let digest = id
  for (const tag of push ? tags : []) {
    const { auths, signal } = options
    const progress = (message: object): void => options.progress(message as JSONMessage)
    const pushed = await images.push({ tag, auths, signal, progress })
    digest = pushed.digest
    exported.status(`pushing manifest for ${tag.name}@${digest}`).done()
  }
  return metadataOf(id, digest, tags)
}

async function giveArchive(
  build: Build,
  d: Delivery,
  { index, type, tags, layout, annotations, gzip }: PlannedOutput & { kind: 'archive' },
  { id }: Given,
): Promise<Metadata> {
  let done: (whole: boolean) => void = () => {}
  const archive = await build.images.archive({
    id,
    tags,
    ociOnly: layout === 'oci',
    annotations,
    gzip,
    signal: build.options.signal,
    done: (whole) => done(whole),
  })
  try {
    await offer(build, d, { index, type }, async (ended) => {
      done = ended
      return archive.open()
    })
    return metadataOf(id, archive.digest, tags)
  } finally {
    archive.close()
  }
}

async function giveTree(
  build: Build,
  d: Delivery,
  output: PlannedOutput,
  { id }: Given,
): Promise<Metadata> {
  const { lowers } = build.images.get(id)
  const { signal } = build.options
  const epoch = epochOf(d, output)
  await offer(build, d, output, (done) =>
    treeArchive(build.native, { lowers, epoch, signal, done }),
  )
  return {}
}

function offer(
  build: Build,
  { offers }: Delivery,
  { index, type }: { index: number; type: string },
  open: Opened,
): Promise<void> {
  return offers.offer({
    open,
    signal: build.options.signal,
    told: (token) => tell(build, { Index: index, Type: type, Path: `/build/outputs/${token}` }),
  })
}

function tell({ options }: Build, aux: object): void {
  options.progress({ id: OUTPUT_MESSAGE, aux } as JSONMessage)
}

function metadataOf(id: string, digest: string, tags: ReadonlyArray<{ name: string }>): Metadata {
  const names = tags.map(({ name }) => name).join(',')
  return {
    'containerimage.config.digest': id,
    'containerimage.digest': digest,
    ...(names !== '' && { 'image.name': names }),
  }
}
