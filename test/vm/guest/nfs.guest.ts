/** Volumes of type nfs, from a server in the same machine. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

const server = join(import.meta.dirname, '../../../.runtime/vm/nfs')
const shared = '/dev/shm/export'

function run(program: string, ...args: string[]): void {
  const LD_LIBRARY_PATH = ['usr/lib', 'lib'].map((lib) => `${server}/${lib}/x86_64-linux-gnu`)
  const env = { ...process.env, LD_LIBRARY_PATH: LD_LIBRARY_PATH.join(':') }
  execFileSync(program, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
}

before(() => {
  execFileSync('modprobe', ['-a', 'nfsd', 'nfs', 'nfsv4'])
  spawnSync('mount', ['-t', 'nfsd', 'nfsd', '/proc/fs/nfsd'])
  for (const dir of ['/var/lib/nfs/v4recovery', `${shared}/sub`])
    mkdirSync(dir, { recursive: true })
  if (!existsSync('/etc/netconfig')) cpSync(`${server}/etc/netconfig`, '/etc/netconfig')
  for (const file of ['etab', 'rmtab']) writeFileSync(`/var/lib/nfs/${file}`, '')
  const options = 'rw,fsid=0,no_root_squash,no_subtree_check,insecure'
  writeFileSync('/etc/exports', `${shared} 127.0.0.1(${options})\n`)
  writeFileSync(`${shared}/from-server`, 'hello')
  writeFileSync(`${shared}/sub/below`, 'deeper')
  run(`${server}/usr/sbin/exportfs`, '-ra')
  run(`${server}/usr/sbin/rpc.mountd`, '-N', '2', '-N', '3')
  // Else files cannot be opened for a minute and a half.
  run(`${server}/usr/sbin/rpc.nfsd`, '-N', '3', '-G', '10', '-L', '10', '1')
})

test('a volume of an NFS server: read, written, shared, and gone with its last container', async () => {
  await using daemon = await TestDaemon.start()
  const make = async (Name: string, device: string): Promise<void> => {
    const DriverOpts = { type: 'nfs', device, o: 'addr=127.0.0.1,vers=4.2,rw' }
    const made = await daemon.api.post('/volumes/create', { Name, DriverOpts })
    assert.equal(made.status, 201, made.text)
  }
  await make('remote', ':/')
  await make('nowhere', ':/nowhere')
  const ran = async (script: string, HostConfig: object): Promise<string> => {
    const id = await daemon.run({
      Cmd: ['sh', '-c', script],
      HostConfig: { NetworkMode: 'none', ...HostConfig },
    })
    await daemon.wait(id)
    const output = await daemon.logs(id)
    await daemon.api.delete(`/containers/${id}`)
    return output
  }
  const script = 'cat /r/from-server; grep -c " /r nfs4 " /proc/mounts; echo new > /r/from-client'
  assert.equal(await ran(script, { Binds: ['remote:/r'] }), 'hello1\n')
  assert.equal(readFileSync(`${shared}/from-client`, 'utf8'), 'new\n')
  const subpath = {
    Mounts: [{ Type: 'volume', Source: 'remote', Target: '/s', VolumeOptions: { Subpath: 'sub' } }],
  }
  assert.equal(await ran('cat /s/below', subpath), 'deeper')
  const writing = '(echo x > /r/no) 2>/dev/null || echo refused'
  assert.equal(await ran(writing, { Binds: ['remote:/r:ro'] }), 'refused\n')

  const created = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'none', Binds: ['nowhere:/r'] },
  })
  const refused = await daemon.api.post(`/containers/${created.body.Id}/start`)
  assert.equal(refused.status, 500)
  assert.match(refused.text, /failed to mount local volume: mount :\/nowhere:.*no such file/)
  await daemon.api.delete(`/containers/${created.body.Id}`)
  for (const name of ['remote', 'nowhere'])
    assert.equal((await daemon.api.delete(`/volumes/${name}`)).status, 204)
  assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), / nfs4 /)
})
