/** Git repositories on loopback, served over HTTP by git's own CGI program (git-http-backend(1)). */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ENV = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2001-02-03T04:05:06Z',
  GIT_COMMITTER_DATE: '2001-02-03T04:05:06Z',
}

/** A string: a file; `exec`: one that may be run. */
export type GitFile = string | { exec: string } | { link: string } | { gitlink: string }

export class GitRepository {
  readonly path: string

  constructor(path: string, format = 'sha1') {
    this.path = path
    mkdirSync(path, { recursive: true })
    this.git('init', '--quiet', '--initial-branch=main', `--object-format=${format}`)
    this.git('config', 'uploadpack.allowAnySHA1InWant', 'true')
  }

  git(...args: string[]): string {
    return execFileSync('git', ['-C', this.path, ...args], { env: ENV, encoding: 'utf8' }).trim()
  }

  /** Answers the commit. */
  commit(files: Readonly<Record<string, GitFile>>): string {
    for (const [name, file] of Object.entries(files)) {
      const path = join(this.path, name)
      if (typeof file !== 'string' && 'gitlink' in file) {
        this.git('update-index', '--add', '--cacheinfo', `160000,${file.gitlink},${name}`)
        continue
      }
      mkdirSync(dirname(path), { recursive: true })
      rmSync(path, { force: true })
      if (typeof file === 'string') writeFileSync(path, file)
      else if ('exec' in file) writeFileSync(path, file.exec, { mode: 0o755 })
      else symlinkSync(file.link, path)
      this.git('add', '--', name)
    }
    this.git('commit', '--quiet', '--allow-empty', '-m', 'c')
    return this.git('rev-parse', 'HEAD')
  }
}

export class GitServer implements AsyncDisposable {
  readonly directory: string
  /** `Authorization` that is asked for; undefined for everybody. */
  wants: string | undefined
  /** Paths whose requests are sent elsewhere. */
  readonly redirects: Map<string, string> = new Map()
  readonly requests: Array<{ method: string; url: string; authorization: string | undefined }> = []
  readonly #server: Server

  private constructor(directory: string) {
    this.directory = directory
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async start(): Promise<GitServer> {
    const server = new GitServer(mkdtempSync(join(tmpdir(), 'git-server-')))
    await new Promise<void>((done) => server.#server.listen(0, '0.0.0.0', done))
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.port}/${name}.git`
  }

  /** By an address that is not loopback; undefined where the machine has none. */
  publicUrl(name: string): string | undefined {
    const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
    const own = all.find(
      ({ family, internal, address }) =>
        family === 'IPv4' && !internal && !address.startsWith('169.254.'),
    )
    return own && `http://${own.address}:${this.port}/${name}.git`
  }

  /** An empty repository, to be committed to. */
  repository(name: string, format?: string): GitRepository {
    const repository = new GitRepository(join(this.directory, name), format)
    symlinkSync(join(repository.path, '.git'), join(this.directory, `${name}.git`))
    return repository
  }

  /** How often objects were sent. */
  packs = 0

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/'
    const { authorization } = request.headers
    this.requests.push({ method: request.method ?? '', url, authorization })
    for (const [from, to] of this.redirects)
      if (url.startsWith(from)) {
        response.writeHead(301, { Location: `${to}${url.slice(from.length)}` }).end()
        return
      }
    if (this.wants !== undefined && authorization?.toLowerCase() !== this.wants.toLowerCase()) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end()
      return
    }
    this.#serve(request, response, url)
  }

  #serve(request: IncomingMessage, response: ServerResponse, url: string): void {
    const [path = '', query = ''] = url.split('?')
    const child = spawn('git', ['http-backend'], {
      env: {
        ...ENV,
        GIT_PROJECT_ROOT: this.directory,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    request.pipe(child.stdin)
    child.stdin.on('error', () => {})
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('close', () => {
      const all = Buffer.concat(chunks)
      const end = all.indexOf('\r\n\r\n')
      const headers = Object.fromEntries(
        all
          .subarray(0, end)
          .toString()
          .split('\r\n')
          .map((line) => line.split(': ') as [string, string]),
      )
      if (all.includes('packfile\n')) this.packs++
      const status = Number.parseInt(headers['Status'] ?? '200', 10)
      response.writeHead(status, headers).end(all.subarray(end + 4))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
    rmSync(this.directory, { recursive: true, force: true })
  }
}
