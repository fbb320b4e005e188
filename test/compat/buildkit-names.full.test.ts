/** What rawjson tells of a build, beside BuildKit in a dockerd: names of steps, errors, output. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { WireSolveStatus, WireVertex } from '@tdocker/api/build-trace.ts'
import { busyboxTar } from '../lib/busybox.ts'
import { startDockerd } from '../lib/dockerd.ts'
import { TestDaemon, hasProgram } from '../lib/test-daemon.ts'

const DOCKERFILE = `ARG TAG=latest
FROM busybox:$TAG AS base
ENV WHO="big world" P=/srv
WORKDIR $P
run echo hello $WHO "quoted $WHO" \\$ESC '$WHO' \\
   second; echo wrong >&2
FROM scratch AS nothing
COPY a /a
FROM busybox AS unneeded
RUN exit 1
FROM base
COPY --from=nothing /a $P/b
RUN <<EOF
echo one
echo two
EOF
RUN cat <<X > /x && echo $UNSET
data
X
ADD a c /d/
ONBUILD RUN true
RUN echo why; exit 4
`

interface Told {
  /** Without BuildKit's own. */
  names: string[]
  errors: string[]
  output: string
  end: string
}

function toldIn(stderr: string): Told {
  const vertexes = new Map<string, WireVertex>()
  const output: string[] = []
  const rest: string[] = []
  for (const line of stderr.split('\n')) {
    if (!line.startsWith('{')) {
      rest.push(line)
      continue
    }
    const told = JSON.parse(line) as WireSolveStatus
    for (const vertex of told.vertexes ?? []) vertexes.set(vertex.digest, vertex)
    for (const { data } of told.logs ?? []) output.push(Buffer.from(data, 'base64').toString())
  }
  const own = [...vertexes.values()].filter(({ name }) => !name.startsWith('[internal]'))
  const errors = own.flatMap(({ name, error }) => (error ? [`${name}: ${error}`] : []))
  return {
    names: own.map(({ name }) => name).toSorted(),
    errors,
    output: output.join('').split('\n').toSorted().join('\n'),
    end: rest.join('\n').trim(),
  }
}

const missing =
  process.env['TDOCKER_PEER'] === undefined
    ? 'TDOCKER_PEER names no dockerd with BuildKit'
    : hasProgram('docker-buildx')
      ? false
      : 'no docker-buildx on the PATH'

test('steps are named, fail and speak as BuildKit tells it', { skip: missing }, async () => {
  const base = mkdtempSync('/dev/shm/tdocker-names-')
  try {
    const directory = join(base, 'context')
    mkdirSync(directory)
    writeFileSync(join(directory, 'Dockerfile'), DOCKERFILE)
    for (const name of ['a', 'c']) writeFileSync(join(directory, name), name)
    await using daemon = await TestDaemon.start()
    const ours = await daemon.tdocker('build', '--progress=rawjson', directory)
    await using peer = await startDockerd(`td${process.pid}`, join(base, 'dockerd'))
    await peer.api.request(
      'POST',
      '/images/create?fromSrc=-&repo=busybox&tag=latest',
      busyboxTar(),
      { 'Content-Type': 'application/x-tar' },
    )
    const theirs = await daemon.command('timeout', [
      ...['100', 'env', `DOCKER_HOST=unix://${peer.socket}`, `DOCKER_CONFIG=${base}`],
      ...['docker-buildx', 'build', '--progress=rawjson', directory],
    ])
    assert.deepEqual(toldIn(ours.stderr), toldIn(theirs.stderr))
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
})
