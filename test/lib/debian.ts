import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const runtime = join(import.meta.dirname, '../../.runtime')

/** A Debian of about 120 MB as a tar, made by debootstrap once and kept in .runtime. */
export function debianTar(): Buffer {
  const cache = join(runtime, 'debian.tar')
  if (!existsSync(cache)) makeDebianTar(cache)
  return readFileSync(cache)
}

function makeDebianTar(cache: string): void {
  const scratch = mkdtempSync('/dev/shm/tdocker-debian-')
  try {
    const script = `set -e; cd "$1"
      debootstrap --variant=minbase bookworm tree >/dev/null
      rm -rf tree/var/cache/apt/archives/*.deb tree/var/lib/apt/lists/*
      tar --numeric-owner --xattrs -cf "$2" -C tree .`
    // Complete or not there: a run that is interrupted leaves no half of a cache.
    const made = `${cache}.${process.pid}`
    const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', scratch, made], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`debootstrap: ${stderr}`)
    renameSync(made, cache)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
