/**
 * Import this first: the test file starts again in network and mount namespaces of its own, where
 * /etc/resolv.conf names servers that the suite makes: a dead one, then one of the host's loopback.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'

const MARK = 'TDOCKER_TEST_RESOLV_CONF'

if (process.env[MARK] === undefined) {
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve?.('/usr/bin/unshare', ['unshare', '--net', '--mount', ...node], {
    ...process.env,
    [MARK]: '1',
  })
} else {
  const dir = mkdtempSync('/dev/shm/tdocker-resolv-')
  const file = `${dir}/resolv.conf`
  writeFileSync(file, 'nameserver 127.0.0.2\nnameserver 127.0.0.1\nsearch lan.test\n')
  execFileSync('mount', ['--bind', file, '/etc/resolv.conf'])
  // The mount keeps the file.
  rmSync(dir, { recursive: true })
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
}
