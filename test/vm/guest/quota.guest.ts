/** Sizes of volumes by project quotas, on file systems that count by project. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { runUnpacked } from './remote-volume.ts'

const disk = '/dev/shm/quota.img'
const base = '/dev/shm/quota'
const xfs = join(import.meta.dirname, '../../../.runtime/vm/xfs')

const make: Readonly<Record<string, () => void>> = {
  ext4() {
    execFileSync('mkfs.ext4', ['-q', '-O', 'quota,project', '-E', 'quotatype=prjquota', disk])
    execFileSync('modprobe', ['quota_v2'])
  },
  xfs: () => runUnpacked(xfs, 'sbin/mkfs.xfs', '-q', disk),
}

function mountDisk(type: string): void {
  execFileSync('truncate', ['-s', '512M', disk])
  make[type]?.()
  mkdirSync(base, { recursive: true })
  execFileSync('mount', ['-t', type, '-o', 'loop,prjquota', disk, base])
}

const fill = (path: string, mib: number): string =>
  `dd if=/dev/zero of=${path} bs=1M count=${mib} 2>&1 | grep -oE "No space.*|quota exceeded" || echo all`

for (const type of Object.keys(make))
  test(`a volume takes no more than its size (${type})`, async () => {
    mountDisk(type)
    try {
      await using daemon = await TestDaemon.start({ base })
      const makeVolume = async (Name: string, size: string): Promise<void> => {
        const made = await daemon.api.post('/volumes/create', { Name, DriverOpts: { size } })
        assert.equal(made.status, 201, made.text)
      }
      await makeVolume('small', '8m')
      await makeVolume('large', '32m')
      const run = async (script: string): Promise<string> => {
        const id = await daemon.run({
          Cmd: ['sh', '-c', script],
          HostConfig: {
            NetworkMode: 'none',
            Binds: ['small:/small', 'large:/large', 'free:/free', 'filled:/etc'],
          },
        })
        await daemon.wait(id)
        const output = await daemon.logs(id)
        await daemon.api.delete(`/containers/${id}`)
        return output
      }
      const full = /^(No space left on device|.*quota exceeded)$/im
      assert.match(await run(fill('/small/a', 16)), full)
      assert.match(await run(`${fill('/large/a', 16)}; ${fill('/free/a', 64)}`), /^all\nall\n$/)
      await daemon.crash()
      await daemon.boot()
      assert.match(await run(fill('/small/b', 4)), full)
      assert.match(await run(`rm /small/a; ${fill('/small/b', 4)}; ${fill('/large/b', 32)}`), full)
      // One that is filled from the image is limited as well.
      await makeVolume('filled2', '4m')
      const id = await daemon.run({
        Cmd: ['sh', '-c', `test -f /etc/passwd && ${fill('/etc/big', 8)}`],
        HostConfig: { NetworkMode: 'none', Binds: ['filled2:/etc'] },
      })
      await daemon.wait(id)
      assert.match(await daemon.logs(id), full)
      await daemon.api.delete(`/containers/${id}`)
    } finally {
      spawnSync('umount', [base])
      rmSync(disk)
    }
  })
