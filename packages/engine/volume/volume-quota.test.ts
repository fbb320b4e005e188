import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { KernelError } from '@tdocker/kernel/native.ts'
import { VolumeQuota } from './volume-quota.ts'

test('each volume gets a project of its own, after the highest that is there', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'quota-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const name of ['old', 'a', 'b']) mkdirSync(join(root, name, '_data'), { recursive: true })
  const projects = new Map([[join(root, 'old/_data'), 41]])
  const limits: string[] = []
  const quota = new VolumeQuota({
    root,
    native: {
      // What is made below a directory has its project.
      projectOf: (dir) => Promise.resolve(projects.get(dir) ?? projects.get(root) ?? 0),
      projectQuota: ({ dir, project, bytes }) => {
        projects.set(dir, project)
        limits.push(`${dir.slice(root.length)} ${project} ${bytes}`)
        return Promise.resolve()
      },
    },
  })
  await quota.check()
  const dir = (name: string): string => join(root, name, '_data')
  await Promise.all([quota.limit(dir('a'), 10), quota.limit(dir('b'), 20)])
  await quota.limit(dir('a'), 30)
  assert.deepEqual(limits, [' 1 0', '/a/_data 42 10', '/b/_data 43 20', '/a/_data 42 30'])
})

test('a file system without quotas is asked once, and a size is refused', async () => {
  let asked = 0
  const quota = new VolumeQuota({
    root: '/nowhere',
    native: {
      projectOf: () => Promise.reject(new KernelError('ENOTTY', 25, 'ioctl', `${asked++}`)),
      projectQuota: () => Promise.resolve(),
    },
  })
  for (let i = 0; i < 2; i++)
    await assert.rejects(quota.check(), {
      kind: 'invalidParameter',
      message: 'quota size requested but no quota support',
    })
  assert.equal(asked, 1)
})
