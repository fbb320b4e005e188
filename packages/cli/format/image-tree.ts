/** `images --tree`: each image with the platforms it has, as docker prints it. */
import type { ImageManifestSummary, ImageSummary, OCIPlatform } from '@tdocker/api'
import { shortId } from './row.ts'
import { humanSize } from './units.ts'

interface Details {
  readonly id: string
  readonly diskUsage: string
  readonly contentSize: string
  readonly inUse: boolean
}

interface Child {
  readonly platform: string
  readonly available: boolean
  readonly details: Details
}

interface Top {
  readonly names: readonly string[]
  readonly details: Details
  readonly children: readonly Child[]
}

export interface Terminal {
  /** 0 where it is not known. */
  readonly columns: number
  readonly isTerminal: boolean
}

/** Newest first. `all`: those without a name, too. */
export function imageTree(images: readonly ImageSummary[], o: Terminal & { all: boolean }): string {
  const tops = images
    .filter((image) => o.all || !isDangling(image))
    .toSorted((a, b) => b.Created - a.Created)
    .map(topOf)
  return new Printer(tops, o).text()
}

function isDangling({ RepoTags, RepoDigests }: ImageSummary): boolean {
  if (RepoTags.length === 0 && RepoDigests.length === 0) return true
  return RepoTags.join() === '<none>:<none>' && RepoDigests.join() === '<none>@<none>'
}

function topOf(image: ImageSummary): Top {
  const manifests = image.Manifests ?? []
  const children = manifests.flatMap(childOf)
  const content = manifests.reduce((sum, { Size }) => sum + Size.Content, 0)
  return {
    names: image.RepoTags.toSorted((a, b) => b.length - a.length),
    details: {
      id: image.Id,
      diskUsage: humanSize(image.Size, 3),
      contentSize: humanSize(content, 3),
      inUse: image.Containers > 0 || children.some(({ details }) => details.inUse),
    },
    children,
  }
}

function childOf({ ID, Kind, Available, Size, ImageData }: ImageManifestSummary): Child[] {
  if (Kind !== 'image' || !ImageData) return []
  const details = {
    id: ID,
    diskUsage: humanSize(Size.Total, 3),
    contentSize: humanSize(Size.Content, 3),
    inUse: ImageData.Containers.length > 0,
  }
  return [{ platform: platformText(ImageData.Platform), available: Available, details }]
}

function platformText({ os, architecture, variant }: OCIPlatform): string {
  return [os || 'unknown', architecture, variant].filter(Boolean).join('/')
}

const RESET = '\x1b[0m'
const STYLE = {
  none: '',
  title: '\x1b[39m\x1b[1m',
  name: '\x1b[34m\x1b[1m',
  normal: '\x1b[39m',
  absent: '\x1b[39m\x1b[2m',
  untagged: '\x1b[39m\x1b[2m',
  warning: '\x1b[93m',
} as const
type Style = keyof typeof STYLE

const WARNING =
  "WARNING: This is an experimental feature. The output may change and shouldn't be depended on."
const SPACING = 3
const LEAST_NAME = 12

interface Column {
  readonly title: string
  readonly width: number
  readonly right?: boolean
  /** Absent for the first one. */
  readonly value?: (details: Details) => string
  /** Bears its own colours. */
  readonly plain?: boolean
}

class Printer {
  readonly #tops: readonly Top[]
  readonly #terminal: Terminal
  readonly #width: number
  readonly #columns: readonly Column[]

  constructor(tops: readonly Top[], terminal: Terminal) {
    this.#tops = tops
    this.#terminal = terminal
    this.#width = Math.max(terminal.columns || 80, 20)
    this.#columns = fitting(this.#allColumns(), this.#width, widestName(tops))
  }

  text(): string {
    const titles = this.#columns.map((column) =>
      // Docker's are bold wherever they go.
      padded(column, `${STYLE.title}${column.title.toUpperCase()}${RESET}`),
    )
    const spaced = this.#tops.some(({ children }) => children.length > 0)
    const lines = [
      this.#styled('warning', WARNING),
      this.#legend(),
      '',
      titles.join(' '.repeat(SPACING)),
      ...this.#tops.flatMap((top) => this.#image(top, spaced)),
    ]
    return `${lines.join('\n')}\n`
  }

  #allColumns(): Column[] {
    const used = this.#tops.some(({ details, children }) =>
      [details, ...children.map((child) => child.details)].some(({ inUse }) => inUse),
    )
    const extra = ({ inUse }: Details): string => {
      if (!used) return ''
      if (inUse) return this.#chip()
      return this.#terminal.isTerminal ? '   ' : ' '
    }
    return [
      { title: 'Image', width: 0 },
      { title: 'ID', width: 12, value: ({ id }) => shortId(id) },
      { title: 'Disk usage', width: 10, right: true, value: ({ diskUsage }) => diskUsage },
      { title: 'Content size', width: 12, right: true, value: ({ contentSize }) => contentSize },
      { title: 'Extra', width: 5, value: extra, plain: true },
    ]
  }

  #chip(): string {
    return this.#terminal.isTerminal ? `\x1b[38;5;0m\x1b[48;5;14m U ${RESET}` : 'U'
  }

  #legend(): string {
    const fancy = `\x1b[1m\x1b[106m\x1b[30mi${RESET}${RESET} \x1b[96mInfo → ${RESET}${RESET}`
    const head = this.#terminal.isTerminal ? fancy : ' Info -> '
    const legend = `${head} ${this.#chip()} In Use `
    return ' '.repeat(Math.max(this.#width - widthOf(legend), 0)) + legend
  }

  #image({ names, details, children }: Top, spaced: boolean): string[] {
    const [first] = this.#columns as readonly [Column]
    const above = names.slice(0, -1)
    const last = names.at(-1)
    const name =
      last === undefined
        ? this.#cell(first, 'untagged', '<untagged>')
        : this.#cell(first, 'name', last)
    return [
      ...above.map((text) => this.#styled('name', shortened(text, this.#terminal.columns))),
      name + this.#details(details, 'normal'),
      ...children.map((child, at) => {
        const style = child.available ? 'normal' : 'absent'
        const branch = at === children.length - 1 ? '└─ ' : '├─ '
        return (
          this.#cell(first, style, branch + child.platform) + this.#details(child.details, style)
        )
      }),
      ...(spaced ? [''] : []),
    ]
  }

  #details(details: Details, style: Style): string {
    const cells = this.#columns.flatMap((column) =>
      column.value
        ? [this.#cell(column, column.plain ? 'none' : style, column.value(details))]
        : [],
    )
    return cells.map((cell) => ' '.repeat(SPACING) + cell).join('')
  }

  #cell(column: Column, style: Style, text: string): string {
    const isLong = widthOf(text) > column.width
    const shown = isLong ? shortened(text, column.width) : text
    return padded(column, this.#styled(style, shown))
  }

  #styled(style: Style, text: string): string {
    const start = this.#terminal.isTerminal ? STYLE[style] : ''
    return start === '' ? text : start + text + RESET
  }
}

/** The first column takes what it needs and is left; the last ones go where it would get too short. */
function fitting(columns: readonly Column[], width: number, widest: number): Column[] {
  const [first, ...others] = columns as readonly [Column, ...Column[]]
  const kept: Column[] = []
  let left = width
  for (const column of others) {
    if (left - column.width - SPACING < LEAST_NAME) break
    left -= column.width + SPACING
    kept.push(column)
  }
  return [{ ...first, width: Math.min(left, widest) }, ...kept]
}

function padded({ width, right }: Column, text: string): string {
  const fill = ' '.repeat(Math.max(width - widthOf(text), 0))
  return right ? fill + text : text + fill
}

function widestName(tops: readonly Top[]): number {
  const names = tops.flatMap((top) => top.names.map((name) => name.length))
  // Docker counts the bytes of the branch.
  const platforms = tops.flatMap((top) => top.children.map((child) => child.platform.length + 7))
  return Math.max('Image'.length, ...names, ...platforms)
}

function widthOf(text: string): number {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b[^m]*m/g, '').length
}

/** With an ellipsis as its last character where it is as long as `length`, or longer. */
function shortened(text: string, length: number): string {
  return length === 0 || text.length < length ? text : `${text.slice(0, length - 1)}…`
}
