/** What volumes of a file server are tried with, whatever it speaks. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestDaemon } from '../../lib/test-daemon.ts'

/** Runs programs of what scripts/build-machine unpacked, with its libraries. */
export function runUnpacked(directory: string, program: string, ...args: string[]): void {
  const libraries = ['usr/lib', 'lib'].map((lib) => `${directory}/${lib}/x86_64-linux-gnu`)
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.join(':') }
  execFileSync(join(directory, program), args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
}

export function fillShare(shared: string): void {
  mkdirSync(`${shared}/sub`, { recursive: true })
  writeFileSync(`${shared}/from-server`, 'hello')
  writeFileSync(`${shared}/sub/below`, 'deeper')
}

type DriverOpts = Readonly<Record<string, string>>

/** Read, written, by a subpath, read-only, and gone with the last container. */
export async function tryVolume(o: {
  shared: string
  /** As /proc/mounts calls it. */
  type: string
  remote: DriverOpts
  /** The server has no such share. */
  nowhere: DriverOpts
  refused: RegExp
}): Promise<void> {
  await using daemon = await TestDaemon.start()
  for (const [Name, DriverOpts] of Object.entries({ remote: o.remote, nowhere: o.nowhere })) {
    const made = await daemon.api.post('/volumes/create', { Name, DriverOpts })
    assert.equal(made.status, 201, made.text)
  }
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
  const look = `cat /r/from-server; grep -c " /r ${o.type} " /proc/mounts; echo new > /r/from-client`
  assert.equal(await ran(look, { Binds: ['remote:/r'] }), 'hello1\n')
  assert.equal(readFileSync(`${o.shared}/from-client`, 'utf8'), 'new\n')
  const part = { Type: 'volume', Source: 'remote', VolumeOptions: { Subpath: 'sub' } }
  const below = await ran('cat /s/below', { Mounts: [{ ...part, Target: '/s' }] })
  assert.equal(below, 'deeper')
  const writing = '(echo x > /r/no) 2>/dev/null || echo refused'
  assert.equal(await ran(writing, { Binds: ['remote:/r:ro'] }), 'refused\n')

  const created = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    Cmd: ['true'],
    HostConfig: { NetworkMode: 'none', Binds: ['nowhere:/r'] },
  })
  const started = await daemon.api.post(`/containers/${created.body.Id}/start`)
  assert.equal(started.status, 500)
  assert.match(started.text, o.refused)
  await daemon.api.delete(`/containers/${created.body.Id}`)
  for (const name of ['remote', 'nowhere'])
    assert.equal((await daemon.api.delete(`/volumes/${name}`)).status, 204)
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(` ${o.type} `))
}
