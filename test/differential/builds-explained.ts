/** Where builds of ours differ from Docker's, and why that is right. */
import { type Outcome, isSomething } from '../integration/build/corpus/run-case.ts'

export interface BuildDifference {
  /** `error`, `config KEY`, `history`, `tree` or `said`. */
  where: string
  docker: string
  ours: string
}

interface Row {
  /** Matches `classic NAME` or `buildkit NAME`. */
  readonly build: RegExp
  readonly where: RegExp
  /** Matches `DOCKER'S | OURS`. */
  readonly told?: RegExp
  readonly why: string
  /** Only one of the two peers does it: 29 (`new`), or Debian's 20.10. */
  readonly peer?: 'new' | 'old'
}

/** After what differs by nature (ids, times, places on disk) is blanked. */
export function differences(
  docker: Outcome,
  ours: Outcome,
  builder: 'classic' | 'buildkit',
): BuildDifference[] {
  const found: BuildDifference[] = []
  const note = (where: string, left: string, right: string): void => {
    if (left !== right) found.push({ where, docker: left, ours: right })
  }
  note('error', blanked(docker.error), blanked(ours.error))
  if (builder === 'classic') {
    const [left, right] = [saidLines(docker.said), saidLines(ours.said)]
    for (let at = 0; at < Math.max(left.length, right.length); at++)
      note('said', left[at] ?? '', right[at] ?? '')
  }
  if (docker.error !== '' || ours.error !== '') return found
  for (const key of new Set([...Object.keys(docker.config), ...Object.keys(ours.config)]))
    note(`config ${key}`, told(docker.config[key]), told(ours.config[key]))
  const theirs = new Set(docker.tree)
  const mine = new Set(ours.tree)
  for (const line of docker.tree) if (!mine.has(line)) note('tree', line, '')
  for (const line of ours.tree) if (!theirs.has(line)) note('tree', '', line)
  if (builder === 'classic')
    for (let at = 0; at < Math.max(docker.history.length, ours.history.length); at++)
      note('history', docker.history[at] ?? '', ours.history[at] ?? '')
  return found
}

function told(value: unknown): string {
  if (!isSomething(value)) return ''
  if (typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value)
  const entries = Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(Object.fromEntries(entries))
}

function blanked(text: string): string {
  return (
    text
      .replace(/\b[0-9a-f]{64}\b/g, 'ID')
      .replace(/\b[0-9a-f]{12}\b/g, 'ID')
      // Where a layer of Docker's is mounted.
      .replace(/\/dev\/shm\/\S*?\/merged\//g, '/')
      .replace(/ of ref [^ :]+::[^ :]+/g, '')
      .replace(/parse error line/g, 'parse error on line')
      // What is wrong, with the lines around it: ours tells them to every client.
      .replace(/\n[^\n]+:\d+\n-{20}\n[^]*-{20}\n?$/, '')
      .replace(/(\n - [A-Z]\w+: [^\n]* \(line \d+\))+$/, '')
      .trim()
  )
}

/** Each finds things of its own to warn of. */
const WARNING =
  /^(\[WARNING\]: Empty continuation.*|    RUN .*| ?\d+ warnings? found .*| - [A-Z]\w+: .* \(line \d+\)|)$/

/** 20.10 says of a container that goes away what 29 says with an arrow. */
const REMOVED = /^(Removing| ---> Removed) intermediate container ID$/

/**
 * Steps that only change the config run nothing here, so that no container is told of. What a command
 * writes to its two outputs comes in no order.
 */
function saidLines(said: string): string[] {
  const lines: string[] = []
  let isRun = false
  let output: string[] = []
  const flush = (): void => {
    lines.push(...output.toSorted())
    output = []
  }
  for (const line of blanked(said).split('\n')) {
    if (line.startsWith('Step ')) isRun = /^Step \S+ : RUN /i.test(line)
    if (WARNING.test(line)) continue
    const isContainer = line === ' ---> Running in ID' || REMOVED.test(line)
    if (isContainer && !isRun) continue
    if (isRun && !/^(Step | --->|Remov)/.test(line)) output.push(line)
    else {
      flush()
      lines.push(line.replace(REMOVED, ' ---> Removed intermediate container ID'))
    }
  }
  flush()
  return lines
}

const NO_WORDS =
  /refused|fails|not-found|unknown|over-file|open|no-value|bad|empty|comments|twice|invalid|insecure|onto-link|nearly/

export const explainedBuilds: readonly Row[] = [
  {
    build: /^classic /,
    where: /^config (Image|Hostname)$/,
    why: 'the image below a step, and a host name: facts of the container that the classic builder runs',
  },
  {
    build: /^classic copy-owners/,
    where: /^tree$/,
    told: /file [24]?7(11|55) /,
    why: 'files keep setuid and setgid, as BuildKit has it: the classic builder lost them by its chown',
  },
  {
    build: /^classic (copy-owners|add-file)/,
    where: /^tree$/,
    told: /dir 755 0:0 \/(d|dir)( @context)?( \||$)/,
    why: 'a new directory has the time of what is copied into it, as BuildKit has it',
  },
  {
    build: /^classic run-workdir/,
    where: /^history$/,
    told: /\/linked\/sub\/? \| .*\/linked\/sub$/,
    why: 'a slash at the end of a WORKDIR is in no config',
    peer: 'old',
  },
  {
    build: /^classic healthcheck/,
    where: /^history$/,
    told: /HEALTHCHECK &\{\[/,
    why: 'newer versions word it so',
    peer: 'old',
  },
  {
    build: /^classic stopsignal-bad/,
    where: /^(error|said)$/,
    told: /Invalid signal/,
    why: 'newer versions word it so',
    peer: 'old',
  },
  {
    build: /^buildkit (copy-directory|copy-dest-links|copy-parents|edge-.*)$/,
    where: /^tree$/,
    told: /dir \d+ 0:0 \/(there|x|three|two(\/[ac])?|real\/sub|pivot|one\/a\/b|stars\/a(\/b)?)( @context)?( \||$)/,
    why: 'the time of a directory that something is put into: one that was there keeps its own',
    peer: 'new',
  },
  {
    build: /^buildkit copy-owners-of-context$/,
    where: /^tree$/,
    told: /1234:5678|9:9|0:0/,
    why: "BuildKit takes a tar for something else than a client: files of a context are root's",
    peer: 'new',
  },
  {
    build: /^buildkit copy-link$/,
    where: /^tree$/,
    why: "this BuildKit, without containerd's snapshots, copies what it should link",
    peer: 'new',
  },
  {
    build: /^buildkit copy-from-scratch$/,
    where: /^config WorkingDir$/,
    why: 'the classic builder leaves it empty, which means the same',
    peer: 'new',
  },
  {
    build: /^buildkit copy-refused-chown/,
    where: /^error$/,
    told: /^ \| unable to convert/,
    why: 'BuildKit gives the files of a user whom nobody knows to root; the classic builder refuses',
    peer: 'new',
  },
  {
    build: /^buildkit copy-refused-several-to-file$/,
    where: /^error$/,
    told: /^ \| When using COPY with more than one/,
    why: 'BuildKit writes the files over each other; the classic builder refuses',
    peer: 'new',
  },
  {
    build: /^buildkit run-network$/,
    where: /^error$/,
    told: /network\.host is not allowed \| $/,
    why: "BuildKit asks for an entitlement, which clients grant; the host's network is no secret here",
    peer: 'new',
  },
  {
    build: /^buildkit dockerignore$/,
    where: /^tree$/,
    why: 'a tar is a context: its ignore file counts, as in the classic builder',
    peer: 'new',
  },
  {
    build: /^buildkit add-archive-links$/,
    where: /^tree$/,
    told: /^opaque /,
    why: 'a directory in the place of a link hides nothing',
    peer: 'new',
  },
  {
    build: /^buildkit edge-special-files$/,
    where: /^tree$/,
    told: /(char|block) 644 0:0 \/copied\/loop/,
    why: 'BuildKit makes a character device of a block device',
    peer: 'new',
  },
  {
    build: /^buildkit /,
    where: /^config ArgsEscaped$/,
    why: 'a word of Windows; the classic builder does not say it either',
    peer: 'new',
  },
  {
    build: new RegExp(`^buildkit .*(${NO_WORDS.source})`),
    where: /^error$/,
    told: /^[^|]+ \| .+/s,
    why: 'both refuse; the words are those of the classic builder where it has any',
    peer: 'new',
  },
]
