import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import type { Native } from '@tdocker/kernel/native.ts'

/** A directory on tmpfs that is gone after the test. */
export function scratchDir(t: TestContext, name: string): string {
  const dir = mkdtempSync(join('/dev/shm', `tdocker-test-${name}-`))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Everything that comes from a non-blocking descriptor until its end, as text. */
export async function readToEnd(native: Native, fd: number): Promise<string> {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = native.readFd(fd, 65536)
    if (chunk?.length === 0) return Buffer.concat(chunks).toString()
    if (chunk === undefined) await native.waitReadable(fd).readable
    else chunks.push(chunk)
  }
}

/** Keeps the event loop alive while only unref'd kernel waits are under way. */
export async function holding<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

/** Whether the tests can do what they are about: root on Linux. */
export const isRoot: boolean = process.getuid?.() === 0

/** Runs a shell script in `cwd`; answers what it prints. */
export function sh(cwd: string, script: string): string {
  return execFileSync('/bin/bash', ['-euc', script], { cwd, encoding: 'utf8' })
}

/**
 * Everything that makes up a tree as text: type, mode, ids, size, mtime to the nanosecond, links,
 * devices, xattrs and the content's digest of each entry, the root included.
 */
export function describeTree(dir: string, o: { rootTime?: boolean } = {}): string {
  const skipTime = o.rootTime === false ? `| sed '1s/T[0-9.]*//'` : ''
  return sh(
    dir,
    `find . -printf '%p %y %m %U:%G T%T@ %l %n ' \\( -type f -printf '%s' -o -true \\) \\
        \\( -type b -o -type c \\) -exec stat -c ' %t:%T' {} \\; -o -printf '\\n' | sort ${skipTime}
     find . -print0 | sort -z | xargs -0 getfattr -hd -m - -e hex -- || true
     find . -type f -print0 | sort -z | xargs -0r sha256sum`,
  )
}

/** Compares two descriptions of trees; tells the first lines that differ, not all. */
export function assertSameTree(actual: string, expected: string): void {
  const have = new Set(actual.split('\n'))
  const want = new Set(expected.split('\n'))
  const extra = [...have].filter((line) => !want.has(line)).slice(0, 5)
  const missing = [...want].filter((line) => !have.has(line)).slice(0, 5)
  assert.deepEqual({ extra, missing }, { extra: [], missing: [] })
  assert.ok(actual === expected)
}
