/** The API over TCP: only with TLS and a client certificate, unless told otherwise. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { type CommandResult, TestDaemon } from '../lib/test-daemon.ts'
import { type Client, clients, fromSources } from './clients.ts'

const directory = mkdtempSync(join(tmpdir(), 'compat-tls-'))
const ours = join(directory, 'ours')
const others = join(directory, 'others')
let daemon: TestDaemon
let port: number

before(async () => {
  makeCertificates(ours)
  makeCertificates(others)
  port = await freePort()
  daemon = await TestDaemon.start({
    flags: [
      ...['-H', `tcp://127.0.0.1:${port}`, '--tlsverify', '--tlscacert', `${ours}/ca.pem`],
      ...['--tlscert', `${ours}/server.pem`, '--tlskey', `${ours}/server-key.pem`],
    ],
  })
})
after(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

/** A CA, and certificates by it for the server at 127.0.0.1 and for a client. */
function makeCertificates(into: string): void {
  mkdirSync(into)
  const openssl = (...args: string[]): unknown =>
    execFileSync('openssl', args, { cwd: into, stdio: 'pipe', timeout: 20_000 })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=test CA')
  writeFileSync(
    join(into, 'server.ext'),
    'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n',
  )
  writeFileSync(join(into, 'client.ext'), 'extendedKeyUsage=clientAuth\n')
  for (const [role, name] of [
    ['server', 'server'],
    ['client', 'cert'],
  ] as const) {
    const keyFile = role === 'client' ? 'key.pem' : 'server-key.pem'
    openssl('req', ...key, '-keyout', keyFile, '-out', `${role}.csr`, '-subj', `/CN=${role}`)
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2']
    const what = ['-in', `${role}.csr`, '-extfile', `${role}.ext`]
    openssl('x509', '-req', ...what, ...by, '-out', `${name}.pem`)
  }
}

function flagsOf(files: { ca: string; of?: string }): string[] {
  const own = files.of === undefined ? [] : [`${files.of}/cert.pem`, `${files.of}/key.pem`]
  return [
    ...['-H', `tcp://127.0.0.1:${port}`, '--tlsverify', '--tlscacert', `${files.ca}/ca.pem`],
    ...(own.length > 0 ? ['--tlscert', own[0]!, '--tlskey', own[1]!] : []),
  ]
}

/** Runs a CLI without the variables that name the daemon's socket. */
function run(
  client: Client,
  args: readonly string[],
  { input, env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return daemon.command(
    'timeout',
    ['20', 'env', '-u', 'DOCKER_HOST', ...settings, ...client.command, ...args],
    input,
  )
}

for (const client of clients)
  describe(client.name, { skip: client.skip }, () => {
    const flags = (): string[] => flagsOf({ ca: ours, of: ours })

    test('version, run and exec by flags', async () => {
      const version = await run(client, [...flags(), 'version', '-f', '{{.Server.Os}}'])
      assert.equal(version.stdout, 'linux\n', version.stderr)
      const output = await run(client, [
        ...flags(),
        'run',
        '--rm',
        'busybox',
        'sh',
        '-c',
        'echo hi; exit 4',
      ])
      assert.equal(output.stdout, 'hi\n', output.stderr)
      assert.equal(output.status, 4)
      const id = await daemon.run({ Cmd: ['sleep', '60'] })
      const input = 'through TLS\n'.repeat(20_000)
      const echoed = await run(client, [...flags(), 'exec', '-i', id, 'cat'], { input })
      assert.equal(echoed.status, 0, echoed.stderr)
      assert.ok(echoed.stdout === input, `${echoed.stdout.length} of ${input.length} bytes`)
      await daemon.api.delete(`/containers/${id}?force=1`)
    })

    test('run by the environment', async () => {
      const env = {
        DOCKER_HOST: `tcp://127.0.0.1:${port}`,
        DOCKER_TLS_VERIFY: '1',
        DOCKER_CERT_PATH: ours,
      }
      const result = await run(client, ['run', '-i', '--rm', 'busybox', 'cat'], {
        env,
        input: 'half-closed\n',
      })
      assert.equal(result.stdout, 'half-closed\n', result.stderr)
      assert.equal(result.status, 0)
    })

    test('no certificate, one of another CA, a server of another CA, no TLS: nothing', async () => {
      const empty = { env: { DOCKER_CERT_PATH: directory, DOCKER_CONFIG: directory } }
      for (const refused of [
        flagsOf({ ca: ours }),
        flagsOf({ ca: ours, of: others }),
        flagsOf({ ca: others, of: ours }),
        ['-H', `tcp://127.0.0.1:${port}`],
      ]) {
        const result = await run(client, [...refused, 'ps'], empty)
        assert.equal(result.stdout, '', refused.join(' '))
        assert.equal(result.status, 1)
        assert.notEqual(result.stderr, '')
      }
    })
  })

test('no byte of HTTP is read without a certificate; TLS before 1.2 is not spoken', async () => {
  const ca = execFileSync('cat', [`${ours}/ca.pem`])
  const answer = (options: tls.ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      const socket = tls.connect({ host: '127.0.0.1', port, ca, ...options })
      socket.on('secureConnect', () => socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n'))
      socket.on('data', (part: Buffer) => (text += part.toString()))
      socket.on('error', (error: NodeJS.ErrnoException) => (text += error.code))
      socket.on('close', () => resolve(text))
    })
  assert.match(await answer({}), /^(ERR_SSL_\w*CERTIFICATE\w*|ECONNRESET)$/)
  const cert = execFileSync('cat', [`${ours}/cert.pem`])
  const key = execFileSync('cat', [`${ours}/key.pem`])
  const old = { cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }
  assert.match(await answer(old as tls.ConnectionOptions), /^(ERR_SSL|ECONNRESET)/)
})

test('plain TCP is refused unless it is asked for, and then warned of', async () => {
  const plain = await freePort()
  const host = ['-H', `tcp://127.0.0.1:${plain}`]
  await assert.rejects(TestDaemon.start({ flags: host, busybox: false }), /refusing to serve TCP/)
  await using open = await TestDaemon.start({ flags: [...host, '--tls=false'] })
  assert.match(open.log, /level=warn.*without --tlsverify is insecure/)
  const [program, ...rest] = fromSources.command
  const args = [...rest, '-H', `tcp://127.0.0.1:${plain}`, 'run', '--rm', 'busybox', 'echo', 'hi']
  const result = await open.command(program, args)
  assert.equal(result.stdout, 'hi\n', result.stderr)
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port: free } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return free
}

test('a build asks for its files and secrets over TLS, too', async () => {
  const context = join(directory, 'context')
  mkdirSync(context)
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM busybox\nCOPY large /large\nRUN --mount=type=secret,id=s test "$(cat /run/secrets/s)" = hidden && wc -c /large\n',
  )
  writeFileSync(join(context, 'large'), randomBytes(3 * 1024 * 1024))
  writeFileSync(join(directory, 'secret'), 'hidden')
  const secret = `--secret=id=s,src=${join(directory, 'secret')}`
  const made = await run(fromSources, [
    ...flagsOf({ ca: ours, of: ours }),
    'build',
    secret,
    context,
  ])
  assert.equal(made.status, 0, `${made.stdout}${made.stderr}`)
  assert.match(made.stdout, /3145728 \/large/)
})
