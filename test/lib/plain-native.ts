/** A kernel of tar(1) and rm for tests of what surrounds the extractor. Trusted tars only. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type LayerExtractor, type Native, KernelError, loadNative } from '@tdocker/kernel'
import { FakeNative } from '@tdocker/kernel/fake-native.ts'

export function plainNative(): Native {
  const fake = new FakeNative()
  fake.stub('removeTree', (dir) => rm(dir, { recursive: true, force: true }))
  fake.stub('layerExtractor', ({ dir }) => extractor(dir))
  return fake.native
}

function extractor(dir: string): LayerExtractor {
  const tar = spawn('tar', ['-C', dir, '--numeric-owner', '-xf', '-'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const exited = once(tar, 'exit')
  let bytes = 0
  tar.stdin.on('error', () => {})
  return {
    async feed(chunk) {
      bytes += chunk.length
      if (!tar.stdin.write(chunk)) await Promise.race([once(tar.stdin, 'drain'), exited])
    },
    async end() {
      tar.stdin.end()
      const [code] = (await exited) as [number | null]
      if (code !== 0) throw new KernelError('EBADMSG', 74, 'tar')
      return { entries: 1, bytes, metadata: Buffer.alloc(0), implicitDirs: [], openLinks: [] }
    },
    abort: () => void tar.kill('SIGKILL'),
  }
}

/** The addon where it has the extractor. */
export function bestNative(): Native {
  try {
    const native = loadNative()
    const probe = mkdtempSync('/dev/shm/tdocker-probe-')
    try {
      native.layerExtractor({ dir: probe }).abort()
      return native
    } finally {
      rmSync(probe, { recursive: true })
    }
  } catch {
    return plainNative()
  }
}
