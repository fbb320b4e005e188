/** `RUN --mount`: what a command sees, what is kept, and what leaves no trace. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { type Files, build, built, cachedSteps, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

function lines(...text: string[]): string {
  return `${text.join('\n')}\n`
}

test('binds show a context, a stage or an image; writes to them are thrown away', async () => {
  const files: Files = {
    Dockerfile: lines(
      'FROM busybox AS other',
      'RUN mkdir -p /tree/deep && echo staged > /tree/deep/file && ln -s deep/file /tree/link && chown 5:6 /tree && chmod 750 /tree',
      'FROM busybox',
      'WORKDIR /work',
      'ENV WHERE=/there',
      'RUN --mount=target=. cat file > /seen && pwd >> /seen && { touch no 2>/dev/null || echo read-only >> /seen; }',
      'RUN --mount=target=.,rw echo written > new && cat new dir/inner >> /seen && rm file && ls >> /seen',
      'RUN --mount=target=/src,rw ls /src >> /seen',
      'RUN --mount=source=file,target=/etc/single cat /etc/single >> /seen',
      'RUN --mount=source=dir/link,dst=$WHERE,readwrite cat /there >> /seen && echo more >> /there && cat /there >> /seen',
      'RUN --mount=from=other,source=tree/link,target=/staged cat /staged >> /seen',
      'RUN --mount=from=other,src=/tree,target=/staged,rw=true stat -c "%u:%g %a" /staged >> /seen && rm -r /staged/deep && ls /staged >> /seen',
      'RUN --mount=from=busybox,source=/bin/busybox,target=/opt/echo /opt/echo image >> /seen',
      'RUN --mount=from=0,target=/whole,rw cat /whole/tree/deep/file >> /seen && touch /whole/x',
    ),
    file: 'from context\n',
    'dir/inner': 'inner\n',
    'dir/link': { type: 'symlink', linkname: '../file' },
  }
  const made = await built(daemon, files)
  assert.equal(
    await outputOf(
      daemon,
      made.id,
      'cat /seen; ls -d /src /etc/single /there /staged /opt /whole 2>/dev/null; ls /work',
    ),
    lines(
      'from context',
      '/work',
      'read-only',
      'written',
      'inner',
      'Dockerfile',
      'dir',
      'new',
      'Dockerfile',
      'dir',
      'file',
      'from context',
      'from context',
      'from context',
      'more',
      'staged',
      '5:6 750',
      'link',
      'image',
      'staged',
    ),
  )
  assert.equal(cachedSteps(await built(daemon, files)), 13 - 1)
  const changed = await built(daemon, { ...files, file: 'changed\n' })
  assert.equal(cachedSteps(changed), 3)
})

test('caches outlive builds: content, owner, mode, a beginning, and reading alone', async () => {
  const run = (mount: string, script: string): Promise<{ text: string }> =>
    built(
      daemon,
      {
        Dockerfile: lines(
          'FROM busybox AS seed',
          'RUN mkdir -p /seed/sub && echo sown > /seed/file && echo deep > /seed/sub/file && chmod 711 /seed && chown 7:8 /seed',
          'FROM busybox',
          'WORKDIR /w',
          'ENV TARGET=/var/cache/of-env',
          `RUN --mount=type=cache,${mount} ${script}`,
        ),
      },
      { nocache: '1' },
    )
  const said = async (mount: string, script: string): Promise<string> => {
    const { text } = await run(mount, script)
    return /Running in [0-9a-f]{12}\n((?:.|\n)*?) ---> Removed[^]*$/.exec(
      text.slice(text.lastIndexOf(' ---> Running in')),
    )![1]!
  }
  assert.equal(await said('target=/c', 'echo one > /c/f; stat -c "%u:%g %a" /c'), '0:0 755\n')
  assert.equal(await said('target=/c', 'cat /c/f'), 'one\n')
  assert.equal(
    await said(
      'id=/c,target=/elsewhere,ro',
      'cat /elsewhere/f; touch /elsewhere/x 2>/dev/null || echo ro',
    ),
    'one\nro\n',
  )
  assert.equal(await said('target=/c,id=other', 'ls /c'), '')
  assert.equal(await said('target=/c,id=../../../../etc', 'ls /c'), '')
  assert.equal(
    await said('target=rel,uid=12,gid=34,mode=0710', 'stat -c "%u:%g %a" /w/rel'),
    '12:34 710\n',
  )
  assert.equal(await said('target=$TARGET', 'ls -d /var/cache/of-env'), '/var/cache/of-env\n')
  assert.equal(
    await said(
      'target=/c,from=seed,source=/seed',
      'cat /c/file /c/sub/file; stat -c "%u:%g %a" /c; echo kept > /c/file',
    ),
    'sown\ndeep\n7:8 711\n',
  )
  assert.equal(await said('target=/c,from=seed,source=/seed', 'cat /c/file'), 'kept\n')
  assert.equal(await said('target=/c,from=seed,source=/seed/sub', 'cat /c/file'), 'deep\n')
  const none = await build(daemon, {
    Dockerfile: lines('FROM busybox', 'RUN --mount=type=cache,target=/c,source=/none true'),
  })
  assert.match(none.error, /"\/none": not found/)
})

test('sharing: private caches of two builds are two, a locked one is waited for', async () => {
  // Those that do not wait for each other meet in another cache, so that they are there at once.
  const meet =
    'i=0; while [ $i -lt 600 ] && [ $(ls /meet | wc -l) -lt 2 ]; do i=$((i+1)); sleep 0.1; done'
  const one = async (sharing: string, name: string): Promise<string> => {
    const waits = sharing === 'locked' ? ':' : `touch /meet/${name}; ${meet}`
    const mounts = `--mount=type=cache,target=/meet,id=meet-${sharing} --mount=type=cache,target=/c,id=${sharing},sharing=${sharing}`
    const { text } = await built(
      daemon,
      {
        Dockerfile: lines(
          'FROM busybox',
          `RUN ${mounts} echo ${name} >> /c/f; ${waits}; echo "lines: $(wc -l < /c/f)"`,
        ),
      },
      { nocache: '1' },
    )
    return /lines: (\d)/.exec(text)![1]!
  }
  const two = (sharing: string): Promise<string[]> =>
    Promise.all([one(sharing, 'a'), one(sharing, 'b')])
  assert.deepEqual(await two('shared'), ['2', '2'])
  assert.deepEqual(await two('private'), ['1', '1'])
  assert.deepEqual((await two('locked')).toSorted(), ['1', '2'])
})

test('a tmpfs begins empty, has its size, and runs what is put there', async () => {
  const { text } = await built(daemon, {
    Dockerfile: lines(
      'FROM busybox',
      'RUN mkdir /t && touch /t/hidden',
      'RUN --mount=type=tmpfs,target=/t,size=4m ls /t; cp /bin/busybox /t/echo && /t/echo runs; df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2',
      'RUN --mount=type=tmpfs,target=/t,ro touch /t/x 2>/dev/null || echo ro',
      'RUN ls /t',
    ),
  })
  assert.match(text, /\nruns\n4096\n/)
  assert.match(text, /\nro\n/)
  assert.match(text, /\nhidden\n/)
})

test('mount points that were made leave no trace, those that were there stay', async () => {
  const made = await built(daemon, {
    Dockerfile: lines(
      'FROM busybox',
      'RUN mkdir -p /was/there /real && echo x > /was/file && ln -s /real /linked && touch -d @1000000000 /was /was/there /real /',
      'RUN --mount=type=tmpfs,target=/was/there --mount=target=/was/file,source=f --mount=type=cache,target=/new/deep/one --mount=type=tmpfs,target=/linked/below --mount=target=/was/new-file,source=f true',
      'RUN --mount=type=tmpfs,target=/half/one/two echo y > /half/own',
    ),
    f: 'f',
  })
  assert.equal(
    await outputOf(
      daemon,
      made.id,
      'ls -d /new 2>/dev/null; ls /was /real /half; cat /was/file; stat -c %Y /was /was/there /real',
    ),
    lines(
      '/half:',
      'own',
      '',
      '/real:',
      '',
      '/was:',
      'file',
      'there',
      'x',
      '1000000000',
      '1000000000',
      '1000000000',
    ),
  )
  const history = await daemon.api.get<Array<{ Size: number; CreatedBy: string }>>(
    `/images/${made.id}/history`,
  )
  assert.equal(history.body[1]?.Size, 0)
})

test('mounts that cannot be are refused in words', async () => {
  for (const [options, error] of [
    ['--mount=target=/', /^invalid mount target "\/"$/],
    ['--mount=target=/x,source=nope', /^failed to compute cache key: "\/nope": not found$/],
    ['--mount=type=secret,id=s,required', /^secret s: not found/],
    ['--security=insecure', /^security\.insecure is not allowed$/],
    [
      '--device=vendor.com/gpu=0,required',
      /^required device "vendor\.com\/gpu=0" is not registered$/,
    ],
    ['--mount=type=tmpfs,target=/x,uid=4', /uid not allowed for "tmpfs" type mounts/],
    ['--mount=type=nothing,target=/x', /unsupported mount type "nothing"/],
    ['--mount=from=$X,target=/x', /'from' doesn't support variable expansion/],
  ] as const) {
    const made = await build(daemon, { Dockerfile: `FROM busybox\nRUN ${options} true\n` })
    assert.match(made.error, error, options)
  }
  await built(daemon, { Dockerfile: 'FROM busybox\nRUN --device=vendor.com/gpu=0 true\n' })
})

test('links of an image or a context lead a mount nowhere but into these', async () => {
  const canary = mkdtempSync('/dev/shm/canary-')
  try {
    writeFileSync(`${canary}/secret`, 'secret')
    const up = '../'.repeat(12)
    const made = await built(daemon, {
      Dockerfile: lines(
        'FROM busybox AS evil',
        `RUN ln -s /${up}${canary} /out`,
        'FROM evil',
        'RUN --mount=type=cache,target=/out/cache echo x > /out/cache/x && ls /out > /names',
        'RUN --mount=type=tmpfs,target=/out/tmpfs --mount=target=/out/file,source=f true',
        'RUN --mount=target=/in,rw echo y > /in/f; cat /in/f > /wrote',
      ),
      f: 'f',
    })
    assert.deepEqual(readdirSync(canary), ['secret'])
    assert.equal(await outputOf(daemon, made.id, 'cat /names /wrote'), 'cache\ny\n')
    const through = await build(daemon, {
      Dockerfile: lines(
        'FROM busybox',
        'RUN ln -s /proc/1/root /link',
        `RUN --mount=target=/link${canary}/bind,source=f true`,
      ),
      f: 'f',
    })
    assert.match(through.error, /too many levels of symbolic links/)
    assert.deepEqual(readdirSync(canary), ['secret'])
    for (const mount of [
      'source=out/secret',
      `source=${canary}/secret`,
      'from=evil,source=/out/secret',
    ]) {
      const refused = await build(daemon, {
        Dockerfile: lines(
          'FROM busybox AS evil',
          `RUN ln -s ${canary} /out`,
          'FROM busybox',
          `RUN --mount=${mount},target=/x cat /x`,
        ),
        out: { type: 'symlink', linkname: `${up}${canary}` },
      })
      assert.match(refused.error, /not found|returned a non-zero code/, mount)
      assert.doesNotMatch(refused.text, /^secret/m, mount)
    }
  } finally {
    rmSync(canary, { recursive: true })
  }
})

test('caches of one name are apart in namespaces of their own', async () => {
  const Dockerfile = lines(
    'FROM busybox',
    'RUN --mount=type=cache,target=/c,id=of-a-namespace ls /c > /seen; touch /c/x',
  )
  const seen = async (name: string): Promise<string> => {
    const buildargs = JSON.stringify({ BUILDKIT_CACHE_MOUNT_NS: name })
    const { id } = await built(daemon, { Dockerfile }, { buildargs, nocache: '1' })
    return outputOf(daemon, id, 'cat /seen')
  }
  assert.deepEqual([await seen('a'), await seen('a'), await seen('b')], ['', 'x\n', ''])
})

test('networks: none has but its own, host has those of the machine', async () => {
  const { text } = await built(daemon, {
    Dockerfile: lines(
      'FROM busybox',
      'RUN --network=none echo "none: $(ls /sys/class/net)"',
      'RUN --network=default echo "default: $(ls /sys/class/net | tr "\\n" " ")"',
      'RUN --network=host echo "host: $(readlink /proc/self/ns/net)"',
    ),
  })
  assert.match(text, /none: lo\n/)
  assert.match(text, /default: eth0 lo/)
  assert.match(text, new RegExp(`host: net:\\[${await netns()}\\]`))
})

async function netns(): Promise<string> {
  const { readlink } = await import('node:fs/promises')
  return /\d+/.exec(await readlink('/proc/self/ns/net'))![0]
}
