/** Dockerfiles that want too much, and steps that reach for the host: refused or contained. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build, built, outputOf } from '../integration/build/build-rig.ts'
import { assertConsistent } from '../lib/consistency.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { MARK, up } from './corpus/hostile-tar.ts'
import { WatchedTree } from './watched-tree.ts'

let daemon: TestDaemon
let canary: WatchedTree
before(async () => {
  daemon = await TestDaemon.start()
  canary = new WatchedTree(join('/var/tmp', `${daemon.id}-canary`))
})
after(async () => {
  canary[Symbol.dispose]()
  await daemon[Symbol.asyncDispose]()
})

const MEGABYTE = 1024 * 1024

/** At its peak the daemon has not grown by more than `most` bytes, and it answers. */
async function bounded(most: number, work: () => Promise<void>): Promise<void> {
  const before = memory('VmRSS')
  // The peak begins anew: proc(5).
  writeFileSync(`/proc/${daemon.pid}/clear_refs`, '5')
  await work()
  const grown = memory('VmHWM') - before
  assert.ok(grown < most, `grown by ${Math.round(grown / MEGABYTE)} MB`)
  assert.equal((await daemon.api.get('/_ping')).status, 200)
}

function memory(field: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
}

test('a Dockerfile of a megabyte', () =>
  bounded(300 * MEGABYTE, async () => {
    const long = `LABEL l=${'x'.repeat(60_000)}\n`
    await built(daemon, { Dockerfile: `FROM busybox\n${long.repeat(17)}# end\n` })
    const comments = `FROM busybox\n${'# a comment\n'.repeat(90_000)}LABEL a=b\n`
    await built(daemon, { Dockerfile: comments })
    const heredoc = `FROM busybox\nRUN <<EOF\n${`: ${'x'.repeat(1000)}\n`.repeat(1000)}EOF\n`
    const made = await build(daemon, { Dockerfile: heredoc })
    assert.match(made.error, /^$|argument list too long/i)
    const names = Array.from({ length: 60_000 }, (_, n) => `FROM scratch AS s${n}\n`).join('')
    const stages = await build(daemon, { Dockerfile: names })
    assert.match(
      stages.error,
      /^failed to parse Dockerfile: more than 10000 instructions are not supported/,
    )
  }))

test('ten thousand instructions, stages, copies and triggers are refused at once', () =>
  bounded(300 * MEGABYTE, async () => {
    const refused = /instructions (is more than the 1000|are not) supported/
    const began = Date.now()
    const many = await build(daemon, { Dockerfile: `FROM busybox\n${'ENV A=1\n'.repeat(10_000)}` })
    assert.equal(many.status, 400)
    assert.match(many.error, refused)
    const chain = Array.from({ length: 10_000 }, (_, n) => `FROM s${n} AS s${n + 1}\nENV A=${n}\n`)
    const chained = await build(daemon, { Dockerfile: `FROM busybox AS s0\n${chain.join('')}` })
    assert.match(chained.error, refused)
    const copies = Array.from({ length: 10_000 }, () => 'COPY --from=0 / /\n').join('')
    const copied = await build(daemon, { Dockerfile: `FROM busybox\nFROM scratch\n${copies}` })
    assert.match(copied.error, refused)
    const triggers = 'ONBUILD COPY --from=a / /\n'.repeat(10_000)
    const children = 'FROM t\n'.repeat(2000)
    const text = `FROM busybox AS a\nFROM busybox AS t\n${triggers}${children}`
    assert.match((await build(daemon, { Dockerfile: text })).error, refused)
    assert.ok(Date.now() - began < 60_000)
  }))

test('names that are nearly alike, thousands of them, take no time to be told apart', async () => {
  const names = Array.from({ length: 4000 }, (_, n) => `ARG A${n}=1\n`).join('')
  const froms = 'FROM busybox$Ax\n'.repeat(5000)
  const long = 'n'.repeat(30_000)
  const variables = `FROM busybox\nENV ${long}a=1\n${`LABEL a=$${long}b\n`.repeat(50)}`
  const began = Date.now()
  for (const Dockerfile of [names + froms, variables])
    await build(daemon, { Dockerfile }, { call: 'check' })
  assert.ok(Date.now() - began < 30_000)
})

test('triggers that ask for triggers, and for themselves', async () => {
  const id = await daemon.run({ Cmd: ['true'] })
  await daemon.wait(id)
  const commit = (repo: string, OnBuild: readonly string[]): Promise<unknown> =>
    daemon.api.post(`/commit?container=${id}&repo=${repo}`, { OnBuild })
  await commit('nested', [`${'ONBUILD '.repeat(50)}RUN true`])
  const nested = await build(daemon, { Dockerfile: 'FROM nested\n' })
  assert.match(nested.error, /ONBUILD/)
  await commit('deep', ['ONBUILD RUN true'])
  let name = 'deep'
  for (const next of ['deep2', 'deep3']) {
    await built(daemon, { Dockerfile: `FROM ${name}\n` }, { t: next })
    name = next
  }
  await commit('self', ['COPY --from=0 / /copied'])
  const self = await build(daemon, { Dockerfile: 'FROM self\n' })
  assert.match(self.error, /invalid from flag value 0: refers to current build stage/)
  await commit('from', ['FROM busybox'])
  assert.match(
    (await build(daemon, { Dockerfile: 'FROM from\n' })).error,
    /not a command type|unknown/,
  )
})

test('expansions that double and double end, wherever they are', () =>
  bounded(300 * MEGABYTE, async () => {
    const bombs = [
      `FROM busybox\nENV A=0123456789\n${'ENV A=$A$A$A$A\n'.repeat(60)}`,
      `ARG A=0123456789\n${'ARG A=$A$A$A$A\n'.repeat(60)}FROM busybox:$A\n`,
      `FROM busybox\nARG A=0123456789\n${'ARG A=${A:-$A}$A$A\n'.repeat(60)}`,
      `FROM busybox\nENV A=0123456789\n${'LABEL $A=$A\nENV A=$A$A\n'.repeat(60)}`,
      `FROM busybox\nENV A=0123456789\n${'ENV A=$A$A\n'.repeat(14)}COPY <<F /f\n${'$A\n'.repeat(10_000)}F\n`,
      `FROM busybox\nENV A=0123456789\n${'ENV A=$A$A\n'.repeat(15)}${'ARG B=$A\nRUN true $B\n'.repeat(50)}`,
      `FROM busybox\nENV A=${'a'.repeat(60_000)}\n${'ENV B=${A//a/$A}\n'.repeat(10)}`,
      `FROM busybox\nENV A=${'x'.repeat(50_000)}\nENV B=\${A##${'*x'.repeat(500)}y}\n`,
    ]
    for (const Dockerfile of bombs) {
      const began = Date.now()
      const made = await build(daemon, { Dockerfile })
      assert.ok(made.error !== '' || Dockerfile.includes('##'), Dockerfile.slice(0, 60))
      assert.ok(made.error.length < 100_000, `${made.error.length} characters of error`)
      assert.ok(Date.now() - began < 60_000, Dockerfile.slice(0, 60))
    }
  }))

test('an id of a cache is a name and never a path', async () => {
  const ids = [
    up(canary.dir),
    `../../${MARK}`,
    '/etc',
    '..',
    '.',
    '',
    'a/../../b',
    '$(id)',
    '%2e%2e',
  ]
  const lines = ids.map(
    (id, n) => `RUN --mount=type=cache,target=/c${n},id=${id} touch /c${n}/${MARK}`,
  )
  await built(daemon, { Dockerfile: `FROM busybox\n${lines.join('\n')}\n` })
  const names = readdirSync(join(daemon.dataRoot, 'build-mounts'))
  assert.deepEqual(
    names.filter((name) => !/^[0-9a-f]{64}(-\d+)?$/.test(name)),
    [],
  )
  canary.unharmed('cache ids')
})

test('targets of mounts that lead out stay in the image', async () => {
  const targets = ['link/in', 'link', 'up/in', '../../../../x', 'proc/../link/deep/er']
  for (const type of ['tmpfs', 'cache', 'bind'])
    for (const target of targets) {
      const Dockerfile = [
        'FROM busybox',
        `RUN ln -s ${canary.dir} /link && ln -s ${up(canary.dir)} /up && mkdir -p ${canary.dir}`,
        `RUN --mount=type=${type},target=/${target} true`,
        `RUN ls -la ${canary.dir}`,
      ].join('\n')
      const made = await build(daemon, { Dockerfile, f: '' })
      assert.doesNotMatch(made.text, /secret/, `${type} ${target}`)
      canary.unharmed(`${type} at ${target}`)
    }
})

test('a mount point whose directories become links while it is mounted', async () => {
  const made = await built(daemon, {
    Dockerfile: [
      'FROM busybox',
      // Not there before: overlay would copy it instead of renaming.
      `RUN --mount=type=cache,target=/a/b/c --mount=type=tmpfs,target=/t/u mv /a /moved && ln -s ${canary.dir} /a && mv /t /gone && ln -s ${up('/etc')} /t`,
      'RUN --mount=type=bind,target=/a/sub true',
      'RUN ls /moved/b /gone',
    ].join('\n'),
  })
  canary.unharmed('mount points')
  assert.match(made.text, /^\/gone:\nu\n\n\/moved\/b:\nc$/m)
  await assertConsistent(daemon)
})

test('sources of mounts and copies that lead out show nothing of the host', async () => {
  const secret = '/etc/machine-id'
  const files = {
    link: { type: 'symlink', linkname: canary.dir },
    up: { type: 'symlink', linkname: up(canary.dir) },
    etc: { type: 'symlink', linkname: '/etc' },
  } as const
  for (const line of [
    'RUN --mount=source=link,target=/m ls -R /m',
    'RUN --mount=source=up,target=/m ls -R /m',
    'RUN --mount=source=link/sub,target=/m ls -R /m',
    `RUN --mount=source=${up(canary.dir)},target=/m ls -R /m`,
    `RUN --mount=type=cache,from=made,source=/out,target=/m ls -R /m`,
    'RUN --mount=from=made,source=/out/sub,target=/m ls -R /m',
    'RUN --mount=from=made,source=/out,target=/m,rw ls -R /m',
    'RUN --mount=source=up,target=/m,rw ls -R /m',
    'COPY link /m',
    'COPY --from=made /out/secret /m',
    'COPY --from=made /out /m',
    `COPY ${up(canary.dir)} /m`,
    'ADD up/secret /m',
    'COPY --parents link/./secret /m',
    `COPY etc/hostname ${secret} /m/`,
  ]) {
    const made = await build(daemon, {
      ...files,
      Dockerfile: [
        'FROM busybox AS made',
        `RUN ln -s ${canary.dir} /out`,
        'FROM busybox',
        line,
        'RUN find /m -type f | xargs cat',
      ].join('\n'),
    })
    assert.doesNotMatch(made.text, /^secret$|canary is outside/m, line)
    canary.unharmed(line)
  }
})

test('stages that race for a cache, one of them swapping links in it', async () => {
  const swap = [
    'FROM busybox AS swap',
    `RUN --mount=type=cache,id=race,target=/c for i in $(seq 400); do rm -rf /c/d; ln -s ${canary.dir} /c/d; rm -f /c/d; mkdir /c/d; done; touch /done`,
  ]
  const use = Array.from({ length: 3 }, (_, n) => [
    `FROM busybox AS use${n}`,
    ...Array.from(
      { length: 5 },
      () =>
        `RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/d/t${n} --mount=type=cache,id=inner${n},target=/c/d/i touch /c/d/i/${MARK}; true`,
    ),
  ])
  const last = [
    'FROM busybox',
    'COPY --from=swap /done /',
    ...use.map((_, n) => `COPY --from=use${n} /bin/sh /${n}`),
  ]
  await Promise.all(
    Array.from({ length: 3 }, (_, n) =>
      build(daemon, { Dockerfile: [...swap, ...use.flat(), ...last, `LABEL n=${n}`].join('\n') }),
    ),
  )
  canary.unharmed('the race')
  await assertConsistent(daemon)
})

test('what was built before is what it was', async () => {
  const made = await built(daemon, { Dockerfile: 'FROM busybox\nRUN echo fine > /f\n' })
  assert.equal(await outputOf(daemon, made.id, 'cat /f'), 'fine\n')
  canary.unharmed('all')
  for (const directory of ['/', '/etc', '/root', '/tmp', '/dev/shm', daemon.directory])
    assert.ok(!readdirSync(directory).includes(MARK), `written into ${directory}`)
})
