import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const loader = join(import.meta.dirname, '../../../packages/kernel/load-native.ts')

test('a wait that turns readable while the process exits does not abort it', () => {
  const script = `
    import { loadNative } from ${JSON.stringify(loader)}
    const native = loadNative()
    const [read, write] = native.pipe()
    void native.waitReadable(read)
    native.closeFd(write)
    process.exit(3)`
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  )
  assert.deepEqual([status, signal, stderr], [3, null, ''])
})
