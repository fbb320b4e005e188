import { join } from 'node:path'
import type { Flag, FlagSet } from '../flag/flag-set.ts'
import { Client } from '../client/client.ts'
import { configDirectory, loadConfig } from '../client/config.ts'
import type { ConfigFile } from '../client/config.ts'
import { ContextStore, defaultContext } from '../client/context-store.ts'
import { normalizeHost } from '../client/host.ts'
import { loadTls } from '../client/tls.ts'
import type { TlsOptions } from '../client/tls.ts'
import type { Cli, Streams } from './cli.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Flags that stand before the command. */
export interface GlobalFlags {
  readonly config: Flag<string>
  readonly context: Flag<string>
  readonly host: Flag<readonly string[]>
  readonly debug: Flag<boolean>
  readonly version: Flag<boolean>
  readonly help: Flag<boolean>
  readonly tls: Flag<boolean>
  readonly verify: Flag<boolean>
  readonly ca: Flag<string>
  readonly cert: Flag<string>
  readonly key: Flag<string>
}

export function defineGlobalFlags(flags: FlagSet, env: Environment): GlobalFlags {
  const directory = configDirectory(env)
  const certificates = env['DOCKER_CERT_PATH'] || directory
  const path = (name: string, file: string, usage: string): Flag<string> =>
    flags.string(name, '', join(certificates, file), usage)
  flags.interspersed = false
  flags.string(
    'log-level',
    'l',
    'info',
    'How much to log ("debug", "info", "warn", "error", "fatal")',
  )
  return {
    config: flags.string('config', '', directory, "Directory of the client's configuration"),
    context: flags.string('context', 'c', '', 'Name of the context to use'),
    host: flags.list('host', 'H', 'Address of the daemon'),
    debug: flags.bool('debug', 'D', false, 'Show debugging output'),
    version: flags.bool('version', 'v', false, 'Print the version and exit'),
    help: hiddenHelp(flags),
    tls: flags.bool(
      'tls',
      '',
      Boolean(env['DOCKER_TLS']),
      'Connect with TLS; --tlsverify implies it',
    ),
    verify: flags.bool(
      'tlsverify',
      '',
      Boolean(env['DOCKER_TLS_VERIFY']),
      'Connect with TLS and check the daemon',
    ),
    ca: path('tlscacert', 'ca.pem', 'Authority that signed the certificate of the daemon'),
    cert: path('tlscert', 'cert.pem', 'Certificate shown to the daemon'),
    key: path('tlskey', 'key.pem', 'Key of the certificate'),
  }
}

/** `--help`, and `-h` where no other flag has that letter. */
export function hiddenHelp(flags: FlagSet): Flag<boolean> {
  return flags.add<boolean>({
    name: 'help',
    shorthand: 'h',
    usage: 'Show this page',
    type: '',
    initial: false,
    parse: (text) => text === 'true',
    noValue: 'true',
    hidden: true,
  })
}

/** The environment a command runs in, made of flags, environment variables and config.json. */
export class ProcessCli implements Cli {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Environment
  private readonly flags: GlobalFlags
  private openedClient: Client | undefined
  private loadedConfig: ConfigFile | undefined

  constructor(flags: GlobalFlags, env: Environment, streams: Streams) {
    this.flags = flags
    this.env = env
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
  }

  get config(): ConfigFile {
    return (this.loadedConfig ??= loadConfig(this.flags.config.value, (text) =>
      this.printError(`${text}\n`),
    ))
  }

  get client(): Client {
    return (this.openedClient ??= this.connect())
  }

  print(text: string): void {
    this.stdout.write(text)
  }

  printError(text: string): void {
    this.stderr.write(text)
  }

  close(): void {
    this.openedClient?.close()
  }

  get contexts(): ContextStore {
    return new ContextStore(this.flags.config.value)
  }

  get defaultHost(): string {
    return normalizeHost(this.hostText(), this.tls() !== undefined)
  }

  get contextName(): string {
    const { context, host } = this.flags
    if (context.value !== '') return context.value
    if (host.value.length > 0 || this.env['DOCKER_HOST']) return defaultContext
    return this.env['DOCKER_CONTEXT'] || this.config.data.currentContext || defaultContext
  }

  private connect(): Client {
    const { host, tls } = this.endpoint()
    return new Client({
      host,
      tls,
      version: this.env['DOCKER_API_VERSION']?.trim().replace(/^v/, '') || undefined,
      ...(this.config.data.HttpHeaders ? { headers: this.config.data.HttpHeaders } : {}),
    })
  }

  private endpoint(): { host: string; tls: TlsOptions | undefined } {
    const { context, host } = this.flags
    if (context.value !== '' && host.value.length > 0) {
      throw new Error('conflicting options: cannot specify both --host and --context')
    }
    try {
      if (host.value.length > 1) throw new Error('Specify only one -H')
      const name = this.contextName
      if (name !== defaultContext) return this.endpointOf(name)
      return { host: this.defaultHost, tls: this.tls() }
    } catch (error) {
      const { message } = error as Error
      throw new Error(`Failed to initialize: unable to resolve docker endpoint: ${message}`)
    }
  }

  private endpointOf(name: string): { host: string; tls: TlsOptions | undefined } {
    const { contexts } = this
    const { Host = '', SkipTLSVerify = false } = contexts.get(name).Endpoints['docker'] ?? {}
    const files = contexts.tls(name)
    const plain = Object.keys(files).length === 0 && !SkipTLSVerify
    if (plain || /^(unix|ssh):/.test(Host))
      return { host: normalizeHost(Host, false), tls: undefined }
    const path = (file: string): string => files[file] ?? ''
    const tls = loadTls({
      verify: !SkipTLSVerify,
      ca: path('ca.pem'),
      cert: path('cert.pem'),
      key: path('key.pem'),
      explicit: new Set(),
    })
    return { host: normalizeHost(Host, true), tls }
  }

  private hostText(): string {
    const given = this.flags.host.value
    return given[0] ?? this.env['DOCKER_HOST'] ?? ''
  }

  private tls(): TlsOptions | undefined {
    const { tls, verify, ca, cert, key } = this.flags
    const host = this.hostText()
    const wanted = tls.value || verify.value || (verify.changed && !verify.value)
    // A UNIX socket has no TLS, whatever the environment says.
    if (!wanted || host === '' || /^(unix|ssh):/.test(host)) return undefined
    const given = { ca, cert, key }
    const explicit = (['ca', 'cert', 'key'] as const).filter((name) => given[name].changed)
    return loadTls({
      verify: verify.value,
      ca: ca.value,
      cert: cert.value,
      key: key.value,
      explicit: new Set(explicit),
    })
  }
}
