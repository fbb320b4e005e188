import { rmSync } from 'node:fs'
import { createGzip } from 'node:zlib'
import type { Readable } from 'node:stream'
import { encodeAuth, authFor, type Auth } from '../../client/credentials.ts'
import type { Flag, FlagSet } from '../../flag/flag-set.ts'
import { parseSwapBytes } from '../../flag/scalar.ts'
import { bytesFlag, intFlag, stringsFlag, structFlag } from '../../flag/kinds.ts'
import { checkLabel, toMap } from '../../flag/spec/environment.ts'
import { checkExtraHost } from '../../flag/spec/host.ts'
import { parseUlimit } from '../../flag/spec/limits.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { parseCall, showCall } from './call.ts'
import { buildSource, type LocalDirectory } from './context.ts'
import { type Output, parseOutputs } from './output/parse-output.ts'
import { buildxArguments, defineBuildxFlags } from './buildx-flags.ts'
import { Receiver } from './output/receive.ts'
import { writeResults } from './output/results.ts'
import { progressMode, showBuild } from './progress/show-build.ts'
import { type NamedContexts, namedContexts } from './named-contexts.ts'
import type { BuildSession } from './session/begin.ts'

export const command: Command = {
  use: '[OPTIONS] PATH | URL | -',
  short: 'Build an image from a Dockerfile',
  aliases: ['image build', 'build', 'builder build'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const options = defineFlags(flags)
    return async (cli, [path = '']) => {
      const call = parseCall(options.check.value ? 'check' : options.call.value)
      if (options.iidfile.value !== '') rmSync(options.iidfile.value, { force: true })
      const outputs = outputsOf(options, cli)
      const receiver = new Receiver(cli, outputs)
      const mode = progressMode(options.progress.value || cli.env['BUILDKIT_PROGRESS'] || '', {
        quiet: options.quiet.value,
        isTerminal: cli.stderr.isTTY === true,
        isTextRead: !cli.stdout.isTTY && !receiver.usesStdout,
        env: cli.env,
      })
      const source = await buildSource(path, options.file.value, cli.stdin)
      const contexts = namedContexts(options.buildContext.value)
      // Who wants it compressed wants it as one piece.
      const directory = options.compress.value ? undefined : source.directory
      await using session = await sessionOf(options, cli, contexts, directory)
      const isAsked = session !== undefined && directory !== undefined
      const tar = options.compress.value ? source.stream?.pipe(createGzip()) : source.stream
      const stream = isAsked ? undefined : tar
      const response = await cli.client.request('POST', '/build', {
        query: {
          ...queryOf(options, cli),
          ...(mode === 'quiet' && { q: true }),
          ...(!['classic', 'quiet'].includes(mode) && { trace: true }),
          dockerfile: source.dockerfile || undefined,
          remote: isAsked ? 'client-session' : source.remote,
          session: session?.id,
          contexts:
            Object.keys(contexts.values).length > 0 ? JSON.stringify(contexts.values) : undefined,
          outputs: outputs.length > 0 ? JSON.stringify(outputs.map(({ wire }) => wire)) : undefined,
          call: call?.name,
        },
        headers: {
          'Content-Type': 'application/x-tar',
          'X-Registry-Config': encodeAuth((await auths(cli)) as Auth),
        },
        ...(stream ? { stream: stream as Readable } : {}),
      })
      if (call) return await showCall(cli, response, call)
      const id = await showBuild(cli, response, mode, receiver)
      receiver.finish()
      const [iidfile, metadataFile] = [options.iidfile.value, options.metadataFile.value]
      const told = outputs.length > 0 ? receiver.metadata : undefined
      writeResults({ iidfile, metadataFile, tags: options.tag.value }, id, told)
    }
  },
}

function outputsOf(o: Options, cli: Cli): Output[] {
  return parseOutputs({
    values: o.output.value,
    push: o.push.value,
    load: o.load.value,
    annotations: o.annotation.value,
    isTerminal: cli.stdout.isTTY,
  })
}

// oxlint-disable-next-line explicit-function-return-type
function defineFlags(flags: FlagSet) {
  return {
    ...defineBuildxFlags(flags),
    annotation: flags.list('annotation', '', 'Set an annotation of the image ([TYPE:]KEY=VALUE)'),
    addHost: flags.list('add-host', '', 'Add a name to /etc/hosts (host:ip)', checkExtraHost),
    buildArg: flags.list('build-arg', '', 'Set a variable of the build'),
    buildContext: flags.list(
      'build-context',
      '',
      'Another context by a name (name=path, URL or docker-image://image)',
    ),
    cacheFrom: cacheFromFlag(flags),
    call: flags.string('call', '', 'build', 'What to do: build, check, outline or targets'),
    check: flags.bool('check', '', false, 'The same as --call=check'),
    cgroupParent: flags.string('cgroup-parent', '', '', 'Parent cgroup of the steps'),
    compress: flags.bool('compress', '', false, 'Compress what is sent with gzip'),
    cpuPeriod: intFlag(flags, 'cpu-period', 'Period of the CPU quota'),
    cpuQuota: intFlag(flags, 'cpu-quota', 'CPU quota'),
    cpuShares: intFlag(flags, 'cpu-shares', 'Weight of CPU', { shorthand: 'c' }),
    cpusetCpus: flags.string('cpuset-cpus', '', '', 'CPUs to run on (0-3, 0,1)'),
    cpusetMems: flags.string('cpuset-mems', '', '', 'Memory nodes to use (0-3, 0,1)'),
    trust: flags.bool('disable-content-trust', '', true, 'Skip verification of images'),
    file: flags.string('file', 'f', '', 'The Dockerfile (PATH/Dockerfile when not given)'),
    forceRm: flags.bool('force-rm', '', false, 'Remove containers of steps in any case'),
    iidfile: flags.string('iidfile', '', '', "Write the image's ID to the file"),
    isolation: flags.string('isolation', '', '', 'Isolation of containers'),
    label: flags.list('label', '', 'Set a label of the image', checkLabel),
    load: flags.bool('load', '', false, "Put the image into the daemon's store"),
    metadataFile: flags.string('metadata-file', '', '', 'Write what was made to the file, as JSON'),
    memory: bytesFlag(flags, 'memory', 'Limit of memory', { shorthand: 'm' }),
    memorySwap: bytesFlag(
      flags,
      'memory-swap',
      "Limit of memory and swap together ('-1' for no limit of swap)",
      { parse: parseSwapBytes },
    ),
    network: flags.string('network', '', 'default', 'Network of the steps'),
    noCache: flags.bool('no-cache', '', false, 'Run every step'),
    noCacheFilter: stringsFlag(flags, 'no-cache-filter', 'Stages whose every step is run'),
    output: flags.list('output', 'o', 'Where the result goes (type=local,dest=PATH)'),
    platform: flags.string(
      'platform',
      '',
      process.env['DOCKER_DEFAULT_PLATFORM'] ?? '',
      'Platform of the image',
    ),
    progress: flags.string(
      'progress',
      '',
      '',
      'How progress is shown (auto, plain, tty, rawjson, quiet)',
    ),
    pull: flags.bool('pull', '', false, 'Ask the registry for newer images'),
    push: flags.bool('push', '', false, 'Push the image'),
    quiet: flags.bool('quiet', 'q', false, "Show the image's ID only"),
    rm: flags.bool('rm', '', true, 'Remove containers of steps'),
    secret: flags.list('secret', '', 'Give a secret to steps (id=mysecret[,src=/local/secret])'),
    securityOpt: stringsFlag(flags, 'security-opt', 'Security options'),
    shmSize: bytesFlag(flags, 'shm-size', 'Size of /dev/shm'),
    squash: flags.bool('squash', '', false, 'Make one layer of all'),
    ssh: flags.list('ssh', '', 'Let steps use an agent or keys (default|id[=socket|key[,key]])'),
    tag: flags.list('tag', 't', 'Name of the image (name:tag)'),
    target: flags.string('target', '', '', 'Stage to build'),
    ulimit: structFlag(flags, 'ulimit', 'ulimit', 'Set a ulimit', parseUlimit),
  }
}

/** Names with commas between them, or one in buildx's form: `type=registry,ref=NAME`. */
function cacheFromFlag(flags: FlagSet): Flag<readonly string[]> {
  return flags.add<readonly string[]>({
    name: 'cache-from',
    usage: 'Images to take steps from',
    type: 'strings',
    initial: [],
    parse: (text, current) => [...current, ...(text.includes('=') ? [text] : text.split(','))],
  })
}

type Options = ReturnType<typeof defineFlags>

function queryOf(
  o: Options,
  cli: Cli,
): Record<string, string | number | boolean | readonly string[] | undefined> {
  const some = (values: readonly string[]): readonly string[] | undefined =>
    values.length > 0 ? values : undefined
  return {
    t: some(o.tag.value),
    q: o.quiet.value || undefined,
    nocache: o.noCache.value || undefined,
    pull: o.pull.value || undefined,
    rm: o.rm.value ? '1' : '0',
    forcerm: o.forceRm.value || undefined,
    memory: o.memory.value || undefined,
    memswap: o.memorySwap.value || undefined,
    cpushares: o.cpuShares.value || undefined,
    cpuperiod: o.cpuPeriod.value || undefined,
    cpuquota: o.cpuQuota.value || undefined,
    cpusetcpus: o.cpusetCpus.value || undefined,
    cpusetmems: o.cpusetMems.value || undefined,
    cgroupparent: o.cgroupParent.value || undefined,
    shmsize: o.shmSize.value || undefined,
    isolation: o.isolation.value || undefined,
    networkmode: o.network.value || undefined,
    extrahosts: some(o.addHost.value),
    securityopt: some(o.securityOpt.value),
    squash: o.squash.value || undefined,
    target: o.target.value || undefined,
    platform: o.platform.value.toLowerCase() || undefined,
    buildargs: JSON.stringify(buildArgs(o.buildArg.value, cli, buildxArguments(o))),
    labels: JSON.stringify(toMap(o.label.value)),
    cachefrom: o.cacheFrom.value.length > 0 ? JSON.stringify(o.cacheFrom.value) : undefined,
    nocachefilter:
      o.noCacheFilter.value.length > 0 ? JSON.stringify(o.noCacheFilter.value) : undefined,
    ulimits: o.ulimit.value.length > 0 ? JSON.stringify(o.ulimit.value) : undefined,
    version: '1',
  }
}

/** undefined where nothing needs one. */
async function sessionOf(
  o: Options,
  cli: Cli,
  { directories }: NamedContexts,
  context: LocalDirectory | undefined,
): Promise<BuildSession | undefined> {
  const [secrets, ssh] = [o.secret.value, o.ssh.value]
  if (!context && secrets.length + ssh.length + directories.size === 0) return undefined
  const { beginSession } = await import('./session/begin.ts')
  return await beginSession(cli, { secrets, ssh, directories, context })
}

/** Without `=` it is the environment's; proxies are those of the configuration. */
function buildArgs(
  given: readonly string[],
  cli: Cli,
  implied: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const args: Record<string, string | null> = { ...implied }
  // As buildx: the environment's counts also where nobody asks for it.
  const epoch = cli.env['SOURCE_DATE_EPOCH'] ?? ''
  if (epoch !== '') args['SOURCE_DATE_EPOCH'] = epoch
  for (const pair of given) {
    const at = pair.indexOf('=')
    const key = at < 0 ? pair : pair.slice(0, at)
    args[key] = at < 0 ? (cli.env[key] ?? null) : pair.slice(at + 1)
  }
  return args
}

/** Of all registries that the user is logged in at. */
async function auths(cli: Cli): Promise<object> {
  const known = Object.keys(cli.config.data.auths ?? {})
  const found = await Promise.all(
    known.map(async (key) => [key, await authFor(cli.config.data, key)] as const),
  )
  return Object.fromEntries(found.filter(([, auth]) => auth !== undefined))
}
