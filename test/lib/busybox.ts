import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let cached: Buffer | undefined

/** A root file system of Debian's busybox-static: one program, its applets' links, passwd and group. */
export function busyboxTar(): Buffer {
  return (cached ??= makeBusyboxTar())
}

function makeBusyboxTar(): Buffer {
  const tree = mkdtempSync(join(tmpdir(), 'busybox-'))
  try {
    for (const dir of ['bin', 'etc', 'tmp', 'root', 'var', 'home', 'usr'])
      mkdirSync(join(tree, dir))
    const program = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
    if (program === undefined) throw new Error('busybox-static is not installed')
    copyFileSync(program, join(tree, 'bin/busybox'))
    for (const applet of spawnSync(program, ['--list'], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n'))
      if (applet !== 'busybox') symlinkSync('busybox', join(tree, 'bin', applet))
    writeFileSync(
      join(tree, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
    )
    writeFileSync(
      join(tree, 'etc/group'),
      'root:x:0:\ndaemon:x:1:\nstaff:x:50:daemon\nnogroup:x:65534:\n',
    )
    chmodSync(join(tree, 'tmp'), 0o1777)
    chmodSync(join(tree, 'root'), 0o700)
    return spawnSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-cf', '-', '.'], {
      cwd: tree,
      maxBuffer: 64 << 20,
    }).stdout
  } finally {
    rmSync(tree, { recursive: true })
  }
}
