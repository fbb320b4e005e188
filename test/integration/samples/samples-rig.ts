/** Samples as users have them, on base images made here: none can be pulled where tests run. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianTar } from '../../lib/debian.ts'
import { type CommandResult, TestDaemon, until } from '../../lib/test-daemon.ts'

const root = join(import.meta.dirname, '../../..')
export const npm: string = join(root, '.runtime/npm/bin/npm-cli.js')

/** Certificates that this machine trusts, also those of its own. */
const certificates = [process.env['SSL_CERT_FILE'], '/etc/ssl/certs/ca-certificates.crt'].find(
  (path) => path !== undefined && existsSync(path),
)

/** Whatever leads out of here leads out of a build, too. */
const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
const proxyArgs = PROXIES.flatMap((name) =>
  process.env[name] === undefined ? [] : ['--build-arg', name],
)

/** Where the machine fetches packages of npm from. */
export function npmRegistry(): string {
  const { stdout } = spawnSync(process.execPath, [npm, 'config', 'get', 'registry'], {
    encoding: 'utf8',
  })
  return stdout.trim() || 'https://registry.npmjs.org/'
}

export const DEBIAN_MIRROR = 'http://deb.debian.org/debian'

export function goProxy(): string {
  const set = process.env['GOPROXY']?.split(/[,|]/).find((each) => each.startsWith('http'))
  return set ?? 'https://proxy.golang.org'
}

/** false, or why the tests behind it cannot run. */
export function unreachable(what: string, url: string): string | false {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(30_000) }).then(
    ({ ok, status }) => { if (!ok) { console.error('status ' + status); process.exit(1) } },
    (error) => { console.error((error.cause ?? error).code ?? error.name); process.exit(1) })`
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_USE_ENV_PROXY: '1',
      ...(certificates !== undefined && { NODE_EXTRA_CA_CERTS: certificates }),
    },
  })
  return status === 0 ? false : `${what} is not reachable: ${stderr.trim()}`
}

/** `large`: data on disk, where more than a distribution comes together. */
export async function sampleDaemon(o: { large: boolean }): Promise<TestDaemon> {
  return await TestDaemon.start({ busybox: false, ...(o.large && { base: tmpdir() }) })
}

/** `debian:bookworm`, which trusts whom this machine trusts. */
export async function makeDebian(daemon: TestDaemon): Promise<void> {
  const query = 'fromSrc=-&repo=debian-import&tag=latest'
  const made = await daemon.api.request('POST', `/images/create?${query}`, debianTar(), {
    'Content-Type': 'application/x-tar',
  })
  assert.equal(made.status, 200, made.text)
  const context = contextDirectory(daemon, 'debian')
  if (certificates !== undefined) copyFileSync(certificates, join(context, 'ca.crt'))
  const dockerfile = [
    'FROM debian-import',
    ...(certificates === undefined
      ? []
      : [
          'COPY ca.crt /etc/ssl/certs/ca-certificates.crt',
          'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
        ]),
    'CMD ["bash"]',
  ]
  await makeImage(daemon, 'debian:bookworm', context, dockerfile)
}

/** `node:latest`: this project's own runtime on Debian. */
export async function makeNode(daemon: TestDaemon): Promise<void> {
  const context = contextDirectory(daemon, 'node-image')
  copyFileSync(realpathSync(process.execPath), join(context, 'node'))
  cpSync(realpathSync(join(root, '.runtime/npm')), join(context, 'npm'), { recursive: true })
  await makeImage(daemon, 'node:latest', context, [
    'FROM debian:bookworm',
    'COPY --chmod=0755 node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\',
    ' && chmod +x /usr/local/lib/node_modules/npm/bin/*.js && useradd -m node',
    `ENV npm_config_registry=${npmRegistry()} NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt`,
    'CMD ["node"]',
  ])
}

/** `golang:latest`, of Debian's packages. */
export async function makeGolang(daemon: TestDaemon): Promise<void> {
  await makeImage(daemon, 'golang:latest', contextDirectory(daemon, 'go-image'), [
    'FROM debian:bookworm',
    'RUN apt-get update && apt-get install -y --no-install-recommends golang-go \\',
    ' && rm -rf /var/lib/apt/lists/*',
    `ENV GOPATH=/go GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOPROXY=${goProxy()},direct`,
  ])
}

function contextDirectory(daemon: TestDaemon, name: string): string {
  const context = join(daemon.directory, name)
  mkdirSync(context)
  return context
}

async function makeImage(
  daemon: TestDaemon,
  name: string,
  context: string,
  dockerfile: readonly string[],
): Promise<void> {
  writeFileSync(join(context, 'Dockerfile'), dockerfile.join('\n'))
  const made = await daemon.tdocker('build', '-q', '-t', name, ...proxyArgs, context)
  assert.equal(made.status, 0, made.stderr)
}

/** A copy of a sample that may be changed. */
export function sampleOf(daemon: TestDaemon, name: string): string {
  const directory = join(daemon.directory, `sample-${name}`)
  cpSync(join(root, 'test/samples', name), directory, { recursive: true })
  return directory
}

export interface SampleBuild {
  /** Steps without their numbers, in order. */
  ran: string[]
  cached: string[]
  log: string
}

/** Builds it as a user does; which steps ran is read from what the user sees. */
export async function buildSample(
  daemon: TestDaemon,
  directory: string,
  ...args: string[]
): Promise<SampleBuild> {
  const made: CommandResult = await daemon.tdocker(
    ...['build', '--progress=plain', ...proxyArgs, ...args, directory],
  )
  assert.equal(made.status, 0, made.stderr)
  const names = new Map<string, string>()
  const ran: string[] = []
  const cached: string[] = []
  for (const line of made.stderr.split('\n')) {
    const [, number = '', name] = /^#(\d+) \[(?:[\w-]+ )? *\d+\/\d+\] (.*)$/.exec(line) ?? []
    if (name !== undefined) names.set(number, name)
    const [, ended = '', how] = /^#(\d+) (CACHED|DONE)/.exec(line) ?? []
    const step = names.get(ended)
    if (step !== undefined && !step.startsWith('FROM '))
      (how === 'CACHED' ? cached : ran).push(step)
  }
  return { ran, cached, log: made.stderr }
}

/** Starts a container of it, published; answers what it serves. */
export async function pageOf(
  daemon: TestDaemon,
  image: string,
  o: { port: number; path?: string; args?: readonly string[] },
): Promise<string> {
  const { port, path = '/', args = [] } = o
  const started = await daemon.tdocker('run', '-d', '-p', `127.0.0.1::${port}`, ...args, image)
  assert.equal(started.status, 0, started.stderr)
  const container = started.stdout.trim()
  const published = await daemon.tdocker('port', container, String(port))
  let page = ''
  await until(`an answer of ${image}`, async () => {
    page = await fetch(`http://${published.stdout.trim()}${path}`)
      .then((answer) => answer.text())
      .catch(() => '')
    return page !== ''
  })
  await daemon.tdocker('rm', '-f', '-v', container)
  return page
}
