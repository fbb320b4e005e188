/** What is mounted later, on the host or inside, is seen where the propagation says so and nowhere else. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeWorld, mounted, type World } from './world.ts'

let world: World

before(async () => {
  world = await makeWorld()
})
after(() => world[Symbol.asyncDispose]())

async function exec(id: string, script: string): Promise<string> {
  const { stdout, stderr } = await world.daemon.tdocker('exec', id, 'sh', '-c', script)
  return stdout + stderr
}

/** `fromHost`, `fromInside`: whether what is mounted there is seen on the other side. */
const cases: ReadonlyArray<[mode: string, fromHost: boolean, fromInside: boolean]> = [
  ['rprivate', false, false],
  ['private', false, false],
  ['rslave', true, false],
  ['slave', true, false],
  ['rshared', true, true],
  ['shared', true, true],
]

for (const [mode, fromHost, fromInside] of cases)
  test(mode, async () => {
    const { daemon, host } = world
    const shared = join(host, 'shared')
    const [later, inner] = [join(shared, `later-${mode}`), join(shared, `inner-${mode}`)]
    for (const dir of [later, inner]) mkdirSync(dir)
    const id = await daemon.run({
      Cmd: ['sleep', '1000'],
      HostConfig: {
        NetworkMode: 'none',
        CapAdd: ['SYS_ADMIN'],
        SecurityOpt: ['apparmor=unconfined'],
        Binds: [`${shared}:/b:${mode}`],
      },
    })
    mounted('-t', 'tmpfs', 'tmpfs', later)
    writeFileSync(join(later, 'seen'), '')
    try {
      const list = await exec(id, `ls /b/later-${mode}`)
      assert.equal(list, fromHost ? 'seen\n' : '')
      await exec(id, `mount -t tmpfs tmpfs /b/inner-${mode} && touch /b/inner-${mode}/seen`)
      assert.equal(existsSync(join(inner, 'seen')), fromInside)
    } finally {
      await daemon.api.delete(`/containers/${id}?force=1`)
      spawnSync('umount', ['-l', later])
      // The container is gone; what it mounted on the host is the user's.
      if (fromInside) assert.equal(spawnSync('umount', [inner]).status, 0)
    }
  })
