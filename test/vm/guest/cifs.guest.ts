/** Volumes of type cifs, from a server in the same machine. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { fillShare, runUnpacked, tryVolume } from './remote-volume.ts'

const server = join(import.meta.dirname, '../../../.runtime/vm/smb')
const shared = '/dev/shm/smb'
const config = '/run/ksmbd.conf'
const users = '/run/ksmbdpwd.db'

before(() => {
  execFileSync('modprobe', ['-a', 'ksmbd', 'cifs'])
  fillShare(shared)
  const share = `[files]\n path = ${shared}\n read only = no\n force user = root\n force group = root\n`
  writeFileSync(config, `[global]\n netbios name = vm\n${share}`)
  writeFileSync(users, '')
  runUnpacked(server, 'usr/sbin/ksmbd.adduser', '-c', config, '-i', users, '-a', 'me', '-p', 'pw')
  runUnpacked(server, 'usr/sbin/ksmbd.mountd', '-c', config, '-u', users)
})

test('a volume of an SMB server', () => {
  const options = { type: 'cifs', o: 'username=me,password=pw,vers=3.1.1' }
  return tryVolume({
    shared,
    type: 'cifs',
    remote: { ...options, device: '//127.0.0.1/files' },
    nowhere: { ...options, device: '//127.0.0.1/nowhere' },
    refused: /failed to mount local volume: mount \/\/127\.0\.0\.1\/nowhere:.*no such file/,
  })
})
