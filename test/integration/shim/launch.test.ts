import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { after, describe, it } from 'node:test'
import { DEFAULT_CAPABILITIES, Sandbox, alive, defaultProcess, native } from './fixture.ts'
import type { StartOptions } from './fixture.ts'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'

const box = new Sandbox()
after(() => box[Symbol.dispose]())

async function failure(o: StartOptions): Promise<{ stage: string; errno: number }> {
  try {
    await alive(box.start(o))
  } catch (error) {
    assert.ok(error instanceof LaunchError, String(error))
    return { stage: error.stage, errno: error.errno }
  }
  throw new assert.AssertionError({ message: 'the launch succeeded' })
}

void describe('a launched process', () => {
  void it('is pid 1 of namespaces of its own', async () => {
    const names = ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup']
    const script = `echo $$; hostname; for n in ${names.join(' ')}; do readlink /proc/self/ns/$n; done`
    const [pid, hostname, ...namespaces] = (await box.sh(script)).trim().split('\n')
    assert.equal(pid, '1')
    assert.equal(hostname, 'box')
    const ours = names.map((name) => readlinkSync(`/proc/self/ns/${name}`))
    assert.equal(namespaces.length, names.length)
    for (const [i, name] of namespaces.entries()) assert.notEqual(name, ours[i])
  })

  void it('has the default capabilities, none of them inheritable', async () => {
    const status = await box.sh('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status')
    assert.match(status, /CapInh:\t0{16}\n/)
    assert.match(status, /CapPrm:\t00000000a80425fb\n/)
    assert.match(status, /CapEff:\t00000000a80425fb\n/)
    assert.match(status, /CapBnd:\t00000000a80425fb\n/)
    assert.match(status, /CapAmb:\t0{16}\n/)
    assert.match(status, /NoNewPrivs:\t0/)
  })

  void it('loses permitted and effective capabilities as another user', async () => {
    const status = await box.sh('grep -E "^Cap|^Groups" /proc/self/status; id', {
      process: { uid: 1000, gid: 1001, groups: [1001, 7] },
    })
    assert.match(status, /CapInh:\t0{16}\n/)
    assert.match(status, /CapPrm:\t0{16}\n/)
    assert.match(status, /CapEff:\t0{16}\n/)
    assert.match(status, /CapBnd:\t00000000a80425fb\n/)
    assert.match(status, /uid=1000 gid=1001 groups=7,1001/)
  })

  void it('keeps ambient capabilities as another user', async () => {
    const capabilities = {
      ...defaultProcess().capabilities,
      ambient: ['NET_BIND_SERVICE'],
    }
    const status = await box.sh('grep ^Cap /proc/self/status', {
      process: { uid: 1000, gid: 1000, capabilities },
    })
    assert.match(status, /CapEff:\t0000000000000400/)
  })

  void it('has no descriptor but 0, 1 and 2', async () => {
    assert.equal((await box.sh('ls /proc/1/fd; true')).trim(), '0\n1\n2')
  })

  void it('has a standard input that is its own /dev/null', async () => {
    const out = await box.sh('chmod 600 /dev/null; stat -L -c %a /proc/self/fd/0')
    assert.equal(out.trim(), '600')
    assert.equal(readFileSync('/dev/null', 'utf8'), '')
    assert.equal((await box.sh('stat -L -c %a /proc/self/fd/0')).trim(), '666')
  })

  void it('may write to /dev/stdout as another user', async () => {
    const ended = await alive(
      box.run(['/bin/sh', '-c', 'echo hi > /dev/stdout'], { process: { uid: 1000, gid: 1000 } }),
    )
    assert.deepEqual([ended.stdout, ended.stderr, ended.exit.exitCode], ['hi\n', '', 0])
  })

  void it('sees masked paths empty and kernel settings read-only', async () => {
    const script = `
      wc -c < /proc/keys; ls /sys/firmware | wc -l; wc -c < /proc/interrupts
      echo 1 > /proc/sys/kernel/core_pattern || echo refused
      echo b > /proc/sysrq-trigger || echo refused
      mkdir /sys/fs/x || echo refused
      chmod 777 /proc/keys || echo refused`
    assert.equal(
      (await box.sh(script)).trim().replace(/\s+/g, ' '),
      '0 0 0 refused refused refused refused',
    )
    assert.equal(readFileSync('/proc/keys', 'utf8').length > 0, true)
  })

  void it('gets its exit code and its signal reported', async () => {
    assert.equal((await box.run(['/bin/sh', '-c', 'exit 42'])).exit.exitCode, 42)
    const container = await box.start({ process: { argv: ['/bin/sleep', '1000'] } })
    container.kill(9)
    const { exit } = await container.ended()
    assert.deepEqual([exit.exitCode, exit.signal], [137, 9])
    const age = Date.now() - Number(exit.finishedAtNs / 1_000_000n)
    assert.ok(age >= -5 && age < 10_000, String(age))
  })

  void it('has default signal dispositions and an empty mask', async () => {
    const { stdout: status } = await box.run(['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status'])
    assert.match(status, /SigBlk:\t0{16}\nSigIgn:\t0{16}/)
  })

  void it('has umask 0022 and the rlimits and score it was given', async () => {
    const out = await box.sh('umask; ulimit -n; cat /proc/self/oom_score_adj', {
      process: {
        rlimits: [{ name: 'RLIMIT_NOFILE', soft: 111n, hard: 222n }],
        oomScoreAdj: 500,
      },
    })
    assert.equal(out.trim().replace(/\s+/g, ' '), '0022 111 500')
  })

  void it('finds its command in PATH', async () => {
    assert.equal((await box.run(['echo', 'a b'])).stdout, 'a b\n')
  })

  void it('shares the namespaces it is told to share', async () => {
    const first = await box.start({ process: { argv: ['/bin/sleep', '1000'] } })
    const fds = (['pid', 'net', 'ipc', 'uts'] as const).map((name) =>
      native.nsOpen(first.shim.pid, name),
    )
    const namespaces = {
      pid: { fd: 1 },
      net: { fd: 2 },
      ipc: { fd: 3 },
      uts: { fd: 4 },
      cgroup: 'host',
    } as const
    const target = { sysctls: [], namespaces }
    const out = await box.sh('hostname; ps | grep -c "sleep 100[0]"', { target, fds })
    for (const fd of fds) native.closeFd(fd)
    assert.equal(out, 'box\n1\n')
    first.kill()
    await first.ended()
  })

  void it('shares the host with pid and net "host"', async () => {
    const out = await box.sh('readlink /proc/self/ns/pid; readlink /proc/self/ns/net', {
      target: {
        sysctls: [],
        namespaces: { pid: 'host', net: 'host', ipc: 'new', uts: 'new', cgroup: 'host' },
      },
    })
    assert.equal(
      out.trim(),
      `${readlinkSync('/proc/self/ns/pid')}\n${readlinkSync('/proc/self/ns/net')}`,
    )
  })
})

void describe('a cgroup', () => {
  // v1 controllers, the unified hierarchy beside them, or v2 alone: whatever is mounted here.
  const hierarchies = ['pids', 'memory', 'unified', ''].filter((name) =>
    existsSync(`/sys/fs/cgroup/${name}/cgroup.procs`),
  )

  void it('is joined by the process before it runs, and is the root of its namespace', async () => {
    const name = `tdst-${process.pid}`
    const dirs = hierarchies.map((hierarchy) => `/sys/fs/cgroup/${hierarchy}/${name}`)
    for (const dir of dirs) mkdirSync(dir)
    try {
      const cgroupProcs = dirs.map((dir) => `${dir}/cgroup.procs`)
      const container = await box.start({
        process: { argv: ['/bin/sh', '-c', 'cat /proc/self/cgroup; exec sleep 1000'] },
        target: { cgroupProcs },
      })
      const seen = readFileSync(`/proc/${container.shim.pid}/cgroup`, 'utf8')
      assert.equal(seen.match(new RegExp(`/${name}$`, 'gm'))?.length, dirs.length)
      const exec = await container.exec({
        process: { argv: ['cat', '/proc/self/cgroup'] },
        plan: { target: { kind: 'enter', pidfd: 0, cgroupProcs } },
      })
      const inside = (await exec.ended()).stdout
      container.kill()
      const init = (await container.ended()).stdout
      for (const text of [inside, init]) {
        assert.ok(!text.includes(name), text)
        assert.ok((text.match(/:\/$/gm)?.length ?? 0) >= dirs.length, text)
      }
    } finally {
      for (const dir of dirs) await removeCgroup(dir)
    }
  })

  void it('that is missing names its file', async () => {
    const path = '/sys/fs/cgroup/missing/cgroup.procs'
    assert.deepEqual(await failure({ target: { cgroupProcs: [path] } }), {
      stage: `cgroup ${path}`,
      errno: 2,
    })
  })
})

/** The last process may still be on its way out. */
async function removeCgroup(dir: string): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      return rmdirSync(dir)
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
}

void describe('a filter', () => {
  const source = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['x86_64'],
    rules: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errno: 1, args: [] }],
  }
  for (const noNewPrivileges of [false, true])
    void it(`is loaded ${noNewPrivileges ? 'with' : 'without'} no_new_privs`, async (t) => {
      let seccomp: Buffer
      try {
        seccomp = await native.seccompCompile(source)
      } catch (error) {
        return t.skip(String(error))
      }
      const script = 'mkdir /tmp/a; echo $?; grep -E "^(Seccomp:|NoNew|CapPrm)" /proc/self/status'
      for (const uid of [0, 1000]) {
        const out = await box.sh(script, { process: { seccomp, noNewPrivileges, uid, gid: uid } })
        assert.match(out, /^1\n/)
        assert.match(out, /Seccomp:\t2/)
        assert.ok(out.includes(`NoNewPrivs:\t${noNewPrivileges ? 1 : 0}`), out)
        assert.match(out, uid === 0 ? /CapPrm:\t00000000a80425fb/ : /CapPrm:\t0{16}/)
      }
    })
})

void describe('a working directory', () => {
  void it('is made when missing', async () => {
    assert.equal((await box.sh('pwd', { process: { cwd: '/a/b c' } })).trim(), '/a/b c')
  })

  void it('is refused when it leads outside of the root', async () => {
    for (let n = 0; n < 64; n++) {
      const { stage } = await failure({ process: { cwd: `/proc/self/fd/${n}` } })
      assert.equal(stage, 'cwd', `fd ${n}`)
    }
  })

  void it('is refused when it is a file', async () => {
    assert.deepEqual(await failure({ process: { cwd: '/etc/passwd' } }), {
      stage: 'cwd',
      errno: 20,
    })
  })
})

void describe('a failed launch', () => {
  void it('names the stage and the error of a missing or unfit command', async () => {
    writeFileSync(`${box.lower}/etc/script`, 'x', { mode: 0o644 })
    writeFileSync(`${box.lower}/etc/garbage`, 'x', { mode: 0o755 })
    for (const [argv, errno] of [
      [['nothing-there'], 2],
      [['/nothing/there'], 2],
      [['/etc/script'], 13],
      [['/etc'], 21],
      [['/etc/garbage'], 8],
      [[''], 2],
    ] as const)
      assert.deepEqual(await failure({ process: { argv } }), { stage: 'exec', errno }, argv[0])
  })

  void it('is what comes of a command that is a door to our own file', async () => {
    symlinkSync('/proc/self/exe', `${box.lower}/bin/trap`)
    for (const argv of [['/bin/trap'], ['trap'], ['/proc/self/exe'], ['./proc/self/exe']])
      assert.equal((await failure({ process: { argv } })).stage, 'exec')
  })

  void it('names the limit that cannot be raised', async (t) => {
    const status = readFileSync('/proc/self/status', 'utf8')
    const bits = BigInt(`0x${/CapEff:\t(\w+)/.exec(status)?.[1]}`)
    if ((bits & (1n << 24n)) !== 0n) return t.skip('needs a kernel that denies CAP_SYS_RESOURCE')
    const rlimits = [{ name: 'RLIMIT_NOFILE', soft: 1n << 19n, hard: 1n << 19n }]
    assert.deepEqual(await failure({ process: { rlimits } }), {
      stage: 'rlimit RLIMIT_NOFILE',
      errno: 1,
    })
  })

  void it('leaves nothing behind', async () => {
    const before = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length
    const files = readdirSync(box.dir).filter((name) => name.endsWith('.sock')).length
    await failure({ process: { argv: ['/nothing/there'] } })
    assert.equal(readdirSync(box.dir).filter((name) => name.endsWith('.sock')).length, files)
    assert.ok(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length <= before + 2)
  })
})

void it('all default capabilities are known', () => {
  assert.equal(new Set(DEFAULT_CAPABILITIES).size, 14)
})
