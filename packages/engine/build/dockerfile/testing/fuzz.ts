/**
 * Mutated Dockerfiles through the parser, and their words through the expansion: whatever is in
 * them, the answer is data or a DockerfileError, and it comes soon.
 */
import { DockerfileError } from '../instruction.ts'
import { parseDockerfile } from '../parse-dockerfile.ts'
import { parseRunMount } from '../run-mount.ts'
import { expandWord, expandWords } from '../words.ts'

export interface FuzzResult {
  parsed: number
  refused: number
  /** What should not have happened, each with its input; at most ten. */
  problems: string[]
  /** Of processor time: other programs are not its fault. */
  slowestMs: number
}

const SEEDS: readonly string[] = [
  `# syntax=docker/dockerfile:1
# check=skip=StageNameCasing;error=true
ARG VERSION=1.\${MINOR:-0}
FROM --platform=$BUILDPLATFORM base:$VERSION AS build
WORKDIR /src
COPY --link --chown=1:2 --exclude=*.md package*.json ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked \\
    --mount=type=secret,id=token,env=TOKEN \\
    npm ci # not a comment
# a comment amid
RUN <<EOF
set -e
echo "$HOME" 'x'
EOF
FROM build
COPY --from=build ["/a b", "/c"]
HEALTHCHECK --interval=5s --retries=3 CMD ["curl", "-f", "http://localhost"]
EXPOSE 80 443/udp
CMD ["node", "server.js"]
`,
  `# escape=\`
FROM windows
ENV A=1 B="x y" C=a\` b
ENV legacy some value
LABEL "a"='b' c=\${A%.*}\${B//x/y}\${C##*/}
RUN dir \`

  c:\\
ONBUILD COPY <<-"E F" <<B /x/
	one
	E F
$two
B
ONBUILD RUN true
SHELL ["powershell", "-command"]
ENTRYPOINT exec top -b
STOPSIGNAL SIGTERM
USER 1:1
VOLUME ["/data"]
MAINTAINER me
`,
]

const PIECES: readonly string[] = [
  ...[
    '\n',
    '\r\n',
    '\\\n',
    '`\n',
    '\\',
    '`',
    '"',
    "'",
    '$',
    '${',
    '}',
    ':-',
    '//',
    '%%',
    '##',
    '#',
  ],
  ...[
    '<<',
    '<<-',
    '<<EOF',
    'EOF\n',
    '[',
    ']',
    '["',
    '"]',
    ',',
    '=',
    ' ',
    '\t',
    '\v',
    '\0',
    '\ufeff',
  ],
  ...['é', '😀', '\ud800', '--', '--mount=', '--from=', 'ONBUILD ', 'FROM ', 'ARG x\n', '*', '?'],
  ...['# escape=`\n', '# check=', '\u0085', '\u00a0', 'a'.repeat(3000), '<'.repeat(500)],
]

/** `count` inputs; the same for the same `seed`. */
export function fuzz(count: number, seed: number): FuzzResult {
  const random = generator(seed)
  const result: FuzzResult = { parsed: 0, refused: 0, problems: [], slowestMs: 0 }
  for (let n = 0; n < count; n++) {
    const text = mutate(SEEDS[random(SEEDS.length)]!, random)
    const started = process.cpuUsage()
    try {
      exercise(text)
      result.parsed++
    } catch (error) {
      if (error instanceof DockerfileError) result.refused++
      else if (result.problems.length < 10) {
        result.problems.push(`${String(error)}: ${JSON.stringify(text)}`)
      }
    }
    result.slowestMs = Math.max(result.slowestMs, cpuMs(started))
  }
  return result
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

const ENV: ReadonlyMap<string, string> = new Map([
  ['A', 'x/y.tar.gz'],
  ['HOME', '/root'],
  ['VERSION', 'a'.repeat(500)],
])

function exercise(text: string): void {
  const file = parseDockerfile(text)
  for (const { instructions } of file.stages) {
    for (const instruction of instructions) {
      const { source } = instruction
      orPlainError(() => expandWord(source, ENV, file.escape))
      orPlainError(() => expandWords(source, ENV, { escape: file.escape, keepUnset: true }))
      if (instruction.kind !== 'run') continue
      for (const mount of instruction.mounts) {
        orPlainError(() => parseRunMount(mount, (word) => expandWord(word, ENV).text))
      }
    }
  }
}

/** A sentence is an answer; what the engine throws of itself is not. */
function orPlainError(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof Error) || error.constructor !== Error) throw error
  }
}

type Random = (below: number) => number

function mutate(seed: string, random: Random): string {
  let text = seed
  for (let left = 1 + random(5); left > 0; left--) {
    const at = random(text.length + 1)
    const length = random(40)
    const piece = PIECES[random(PIECES.length)]!
    switch (random(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 1:
        text =
          text.slice(0, at) + text.slice(at, at + length).repeat(1 + random(5)) + text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + piece.repeat(1 + random(60)) + text.slice(at)
        break
      default:
        text = text.slice(0, at) + piece + text.slice(at)
    }
  }
  return text
}

/** Mulberry32. */
function generator(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
