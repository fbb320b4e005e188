/**
 * Archives between a real dockerd and us, both ways: image ids agree, and what dockerd 29 saves with its
 * graph drivers is what we save, byte for byte. `TDOCKER_PEER` names a directory with its programs;
 * without it Debian's 20.10 is asked, whose archives look otherwise.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { archive, legacyEntries } from '../../lib/archive-maker.ts'
import { type DockerDaemon, startDockerd } from '../../lib/dockerd.ts'
import { tarOf } from '../../lib/image-maker.ts'
import { idOf, load } from '../../lib/load-archive.ts'
import { TestDaemon, hasProgram } from '../../lib/test-daemon.ts'

const skip = hasProgram('docker') ? false : 'no docker CLI here'
const DOCKERFILE = String.raw`FROM busybox
LABEL a="<x>&y" b=2
ENV X=1 Y="two words"
RUN echo hi > /hi && ln /hi /hard && ln -s /hi /soft && rm /bin/vi && mkfifo /fifo
EXPOSE 80/tcp 53/udp
HEALTHCHECK --interval=5s CMD true
VOLUME /data
ONBUILD RUN true
STOPSIGNAL SIGUSR1
ENTRYPOINT ["sh","-c"]
CMD ["x"]
`

let daemon: TestDaemon
let dockerd: DockerDaemon | undefined
let major = 0

before(async () => {
  if (skip) return
  daemon = await TestDaemon.start()
})
after(async () => {
  if (skip) return
  await dockerd?.[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

/** In the shell; `theirs` is the stock CLI at dockerd, `docker` at ours. */
async function sh(script: string): Promise<string> {
  const { status, stdout, stderr } = await daemon.command('bash', [
    '-ec',
    `set -o pipefail; cd ${daemon.directory}; theirs() { docker -H unix://${dockerd?.socket} "$@"; }
     ${script}`,
  ])
  assert.equal(status, 0, `${script}\n${stderr}`)
  return stdout
}

async function theirId(name: string): Promise<string> {
  return (await sh(`theirs image inspect -f '{{.Id}}' ${name}`)).trim()
}

test('an image built by dockerd, there and back', { skip }, async () => {
  dockerd = await startDockerd(`${daemon.id}d`, `${daemon.directory}/peer`)
  major = Number((await sh(`theirs version -f '{{.Server.Version}}'`)).split('.')[0])
  await sh(`docker save busybox | theirs load
    DOCKER_BUILDKIT=0 theirs build -q -t built:1 - <<'END'\n${DOCKERFILE}END`)
  assert.equal(await theirId('busybox'), await idOf(daemon, 'busybox'))
  const loaded = await sh('theirs save built:1 > theirs.tar; docker load -q -i theirs.tar')
  assert.equal(loaded, 'Loaded image: built:1\n')
  assert.equal(await idOf(daemon, 'built:1'), await theirId('built:1'))
  assert.equal(await sh('docker run --rm --entrypoint cat built:1 /soft'), 'hi\n')
  await sh('docker save built:1 > ours.tar; theirs rmi -f built:1 busybox; theirs load -i ours.tar')
  assert.equal(await theirId('built:1'), await idOf(daemon, 'built:1'))
})

test('several images and their parents', { skip }, async () => {
  const saved = await sh(`docker save busybox built:1 | theirs load
    theirs save busybox built:1 | docker load -q`)
  assert.ok(
    saved.includes('Loaded image: built:1\n') && saved.includes('Loaded image: busybox:latest'),
  )
  for (const name of ['built:1', 'busybox'])
    assert.equal(await theirId(name), await idOf(daemon, name))
})

test('byte for byte what dockerd 29 saves', { skip }, async (t) => {
  if (major < 29) return t.skip(`dockerd ${major} writes another layout`)
  await sh(`theirs save built:1 > theirs.tar; docker save built:1 > ours.tar; cmp theirs.tar ours.tar
    theirs save busybox > theirs.tar; docker save busybox > ours.tar; cmp theirs.tar ours.tar`)
})

test('the layout of before 1.10 makes the same image as at dockerd 20.10', { skip }, async (t) => {
  if (major >= 29) return t.skip(`dockerd ${major} does not read it`)
  const tars = [await tarOf([{ name: 'a', content: randomBytes(90_000) }]), await tarOf([])]
  const bytes = await archive(legacyEntries(tars, { repository: 'old', tag: '1' }))
  assert.equal((await load(daemon, bytes)).error, undefined)
  const answer = await dockerd?.api.request('POST', '/images/load', bytes, {
    'Content-Type': 'application/x-tar',
  })
  assert.equal(answer?.status, 200)
  assert.equal(await theirId('old:1'), await idOf(daemon, 'old:1'))
})

test('what dockerd 29 keeps in containerd: compressed layers, an index', { skip }, async (t) => {
  if (major < 29) return t.skip(`dockerd ${major} has no such store`)
  await dockerd?.[Symbol.asyncDispose]()
  dockerd = undefined
  dockerd = await startDockerd(`${daemon.id}c`, `${daemon.directory}/snapshots`, 'its own')
  assert.match(await sh(`theirs info -f '{{.DriverStatus}}'`), /containerd/)
  await sh(`docker save busybox | theirs load
    DOCKER_BUILDKIT=0 theirs build -q -t built:2 - <<'END'\n${DOCKERFILE}END
    theirs save built:2 > theirs.tar; docker load -q -i theirs.tar`)
  const config = await sh(
    `tar xOf theirs.tar manifest.json | sed 's/.*"Config":"blobs.sha256.\\([0-9a-f]*\\)".*/\\1/'`,
  )
  assert.equal(await idOf(daemon, 'built:2'), `sha256:${config.trim()}`)
  assert.equal(await sh('docker run --rm --entrypoint cat built:2 /soft'), 'hi\n')
  await sh('docker save built:2 > ours.tar; theirs rmi -f built:2; theirs load -i ours.tar')
  assert.match(await theirId('built:2'), /^sha256:/)
})
