/** Directories of the host with something mounted in them, and a daemon. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { TestDaemon } from '../../lib/test-daemon.ts'

export interface World extends AsyncDisposable {
  daemon: TestDaemon
  /**
   * `plain/f`; `tree/sub`, a tmpfs with `inner`; `shared`, a shared tmpfs, and `shared/below`;
   * `slave`, a slave of it; `file`; `socket`; `owned/f` of 1000:1000.
   */
  host: string
}

export async function makeWorld(): Promise<World> {
  const daemon = await TestDaemon.start()
  const host = join(daemon.directory, 'host')
  mkdirSync(join(daemon.directory, 'owned'))
  for (const dir of ['plain', 'tree/sub', 'shared', 'slave', 'owned'])
    mkdirSync(join(host, dir), { recursive: true })
  mounted('-t', 'tmpfs', 'tmpfs', host)
  for (const dir of ['plain', 'tree/sub', 'shared', 'slave', 'owned'])
    mkdirSync(join(host, dir), { recursive: true })
  mounted('--make-private', host)
  // A tmpfs takes no other ids before Linux 6.3; what the daemon's directory is on may.
  mounted('--bind', join(daemon.directory, 'owned'), join(host, 'owned'))
  writeFileSync(join(host, 'plain/f'), 'plain')
  writeFileSync(join(host, 'file'), 'a file')
  writeFileSync(join(host, 'owned/f'), 'owned')
  spawnSync('chown', ['-R', '1000:1000', join(host, 'owned')])
  mounted('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(host, 'tree/sub'))
  writeFileSync(join(host, 'tree/sub/inner'), 'inner')
  mounted('-t', 'tmpfs', 'tmpfs', join(host, 'shared'))
  mounted('--make-shared', join(host, 'shared'))
  mkdirSync(join(host, 'shared/below'))
  mounted('--bind', join(host, 'shared'), join(host, 'slave'))
  mounted('--make-slave', join(host, 'slave'))
  const server = await listen(join(host, 'socket'))
  return {
    daemon,
    host,
    [Symbol.asyncDispose]: async () => {
      server.close()
      spawnSync('umount', ['-R', '-l', host])
      await daemon[Symbol.asyncDispose]()
    },
  }
}

export function mounted(...args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`)
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.end('hello\n'))
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(path, () => resolve(server))
  })
}
