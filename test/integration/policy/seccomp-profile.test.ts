/** `seccomp-profile` of daemon.json: the profile of containers that do not say. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

const directory = mkdtempSync(join(tmpdir(), 'seccomp-'))
after(() => rmSync(directory, { recursive: true }))

const start = (setting: string) => TestDaemon.start({ config: { 'seccomp-profile': setting } })

/** What a container of its own can do. */
async function tries(daemon: TestDaemon, hostConfig: object = {}): Promise<string> {
  const id = await daemon.run({
    Cmd: [
      'sh',
      '-c',
      'mkdir /x && echo made; unshare -U true && echo unshared; grep ^Seccomp: /proc/self/status',
    ],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  await daemon.wait(id)
  const output = await daemon.logs(id)
  await daemon.api.delete(`/containers/${id}`)
  return output
}

interface Info {
  SecurityOptions: string[]
  Warnings: string[] | null
}

const WARNING = 'WARNING: daemon is not using the default seccomp profile'

test('a file: what it forbids is forbidden, in execs too, and containers may say otherwise', async () => {
  const profile = join(directory, 'no-mkdir.json')
  const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }))
  await using daemon = await start(profile)
  const { body } = await daemon.api.get<Info>('/info')
  assert.ok(body.SecurityOptions.includes(`name=seccomp,profile=${profile}`))
  assert.ok(body.Warnings?.includes(WARNING))
  // One is said on stderr, which has no order with stdout.
  const refused = await tries(daemon)
  assert.match(refused, /^mkdir: .*Operation not permitted$/m)
  assert.match(refused, /^Seccomp:\t2$/m)
  const builtin = await tries(daemon, { SecurityOpt: ['seccomp=builtin'] })
  assert.match(builtin, /^made$/m)
  assert.doesNotMatch(builtin, /^unshared$/m)
  assert.match(await tries(daemon, { Privileged: true }), /^made$[^]*Seccomp:\t0/m)
})

test('unconfined, and a file that is not there', async () => {
  {
    await using daemon = await start('unconfined')
    const { body } = await daemon.api.get<Info>('/info')
    assert.ok(body.SecurityOptions.includes('name=seccomp,profile=unconfined'))
    assert.match(await tries(daemon), /^made$[^]*Seccomp:\t0/m)
  }
  await assert.rejects(
    start(join(directory, 'nowhere')),
    /opening seccomp profile \(\S+nowhere\) failed: open \S+nowhere: no such file or directory/,
  )
})
