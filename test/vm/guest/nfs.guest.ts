/** Volumes of type nfs, from a server in the same machine. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { fillShare, runUnpacked, tryVolume } from './remote-volume.ts'

const server = join(import.meta.dirname, '../../../.runtime/vm/nfs')
const shared = '/dev/shm/export'

before(() => {
  execFileSync('modprobe', ['-a', 'nfsd', 'nfs', 'nfsv4'])
  spawnSync('mount', ['-t', 'nfsd', 'nfsd', '/proc/fs/nfsd'])
  mkdirSync('/var/lib/nfs/v4recovery', { recursive: true })
  if (!existsSync('/etc/netconfig')) cpSync(`${server}/etc/netconfig`, '/etc/netconfig')
  for (const file of ['etab', 'rmtab']) writeFileSync(`/var/lib/nfs/${file}`, '')
  const options = 'rw,fsid=0,no_root_squash,no_subtree_check,insecure'
  writeFileSync('/etc/exports', `${shared} 127.0.0.1(${options})\n`)
  fillShare(shared)
  runUnpacked(server, 'usr/sbin/exportfs', '-ra')
  runUnpacked(server, 'usr/sbin/rpc.mountd', '-N', '2', '-N', '3')
  // Else files cannot be opened for a minute and a half.
  runUnpacked(server, 'usr/sbin/rpc.nfsd', '-N', '3', '-G', '10', '-L', '10', '1')
})

test('a volume of an NFS server', () => {
  const options = { type: 'nfs', o: 'addr=127.0.0.1,vers=4.2,rw' }
  return tryVolume({
    shared,
    type: 'nfs4',
    remote: { ...options, device: ':/' },
    nowhere: { ...options, device: ':/nowhere' },
    refused: /failed to mount local volume: mount :\/nowhere:.*no such file/,
  })
})
