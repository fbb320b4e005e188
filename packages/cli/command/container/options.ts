import { env } from 'node:process'
import type { FlagSet } from '../../flag/flag-set.ts'
import { bytesFlag, durationFlag, intFlag, mapFlag, structFlag } from '../../flag/kinds.ts'
import { parseCpus, parseSwapBytes, parseUint16, parseUint64 } from '../../flag/scalar.ts'
import {
  checkDeviceRule,
  parseGpus,
  parseThrottleBytes,
  parseThrottleOperations,
  parseWeightDevice,
} from '../../flag/spec/device.ts'
import { checkLabel, envValue } from '../../flag/spec/environment.ts'
import { checkAddress, checkDnsSearch, checkExtraHost, checkLink } from '../../flag/spec/host.ts'
import { checkSysctl, parseUlimit } from '../../flag/spec/limits.ts'
import { parseMount } from '../../flag/spec/mount.ts'
import { parseNetwork } from '../../flag/spec/network.ts'

/** Flags of `run` and `create`, by subject. */
export interface ContainerFlags {
  readonly process: ReturnType<typeof processFlags>
  readonly metadata: ReturnType<typeof metadataFlags>
  readonly security: ReturnType<typeof securityFlags>
  readonly network: ReturnType<typeof networkFlags>
  readonly storage: ReturnType<typeof storageFlags>
  readonly resources: ReturnType<typeof resourceFlags>
  readonly health: ReturnType<typeof healthFlags>
  readonly creation: ReturnType<typeof creationFlags>
}

/** Declares all of them. Those for other systems than Linux are taken and passed on. */
export function containerFlags(flags: FlagSet, verb: 'run' | 'create'): ContainerFlags {
  flags.add<boolean>({
    name: 'help',
    usage: 'Show this page',
    type: '',
    initial: false,
    parse: (text) => text === 'true',
    noValue: 'true',
  })
  for (const name of ['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops']) {
    flags.need(name, { os: 'windows' })
  }
  flags.need('annotation', { api: '1.43' })
  flags.need('health-start-interval', { api: '1.44' })
  return {
    process: processFlags(flags),
    metadata: metadataFlags(flags),
    security: securityFlags(flags),
    network: networkFlags(flags),
    storage: storageFlags(flags),
    resources: resourceFlags(flags),
    health: healthFlags(flags),
    creation: creationFlags(flags, verb),
  }
}

function checkStream(text: string): string {
  const stream = text.toLowerCase()
  if (['stdin', 'stdout', 'stderr'].includes(stream)) return stream
  throw new Error('valid streams are STDIN, STDOUT and STDERR')
}

function processFlags(flags: FlagSet) {
  return {
    attach: flags.list('attach', 'a', 'Connect to STDIN, STDOUT or STDERR', checkStream),
    entrypoint: flags.string(
      'entrypoint',
      '',
      '',
      "Program to run in place of the image's ENTRYPOINT",
    ),
    env: flags.list(
      'env',
      'e',
      'Set an environment variable',
      envValue((name) => env[name]),
    ),
    envFile: flags.list('env-file', '', 'Set the environment variables that a file lists'),
    groupAdd: flags.list('group-add', '', 'Give the process another group'),
    hostname: flags.string('hostname', 'h', '', 'Host name inside the container'),
    domainname: flags.string('domainname', '', '', 'NIS domain name inside the container'),
    init: flags.bool(
      'init',
      '',
      false,
      'Run a small init as PID 1 that passes signals on and reaps processes',
    ),
    interactive: flags.bool('interactive', 'i', false, 'Keep STDIN open, attached or not'),
    stopSignal: flags.string('stop-signal', '', '', 'Signal that stops the container'),
    stopTimeout: intFlag(flags, 'stop-timeout', 'Seconds between the stop signal and SIGKILL'),
    tty: flags.bool('tty', 't', false, 'Give the process a pseudo-TTY'),
    user: flags.string('user', 'u', '', 'User name or ID (<name|uid>[:<group|gid>])'),
    workdir: flags.string('workdir', 'w', '', 'Working directory inside the container'),
  }
}

function metadataFlags(flags: FlagSet) {
  return {
    annotation: mapFlag(
      flags,
      'annotation',
      'Add an annotation, passed through to the OCI runtime',
    ),
    cidfile: flags.string('cidfile', '', '', 'Write the ID of the container to a file'),
    label: flags.list('label', 'l', 'Add a label', checkLabel),
    labelFile: flags.list('label-file', '', 'Add the labels that a file lists, one per line'),
    logDriver: flags.string('log-driver', '', '', 'Where the output of the container is logged to'),
    logOpt: flags.list('log-opt', '', 'Option of the log driver'),
    restart: flags.string(
      'restart',
      '',
      'no',
      'When the container is started again after its exit',
    ),
    rm: flags.bool(
      'rm',
      '',
      false,
      'Remove the container and its anonymous volumes once it has exited',
    ),
    runtime: flags.string('runtime', '', '', 'Runtime of the container'),
    isolation: flags.string('isolation', '', '', 'How the container is isolated'),
  }
}

const cgroupnsUsage = `Cgroup namespace of the container (host|private)
'host':    that of the host
'private': its own
'':        what the daemon is set to
           (default-cgroupns-mode) (default)`

function securityFlags(flags: FlagSet) {
  return {
    capAdd: flags.list('cap-add', '', 'Add Linux capabilities'),
    capDrop: flags.list('cap-drop', '', 'Take Linux capabilities away'),
    cgroupns: flags.string('cgroupns', '', '', cgroupnsUsage),
    ipc: flags.string('ipc', '', '', 'IPC namespace of the container'),
    pid: flags.string('pid', '', '', 'PID namespace of the container'),
    privileged: flags.bool(
      'privileged',
      '',
      false,
      'Give the container all privileges of the host',
    ),
    readOnly: flags.bool('read-only', '', false, 'Mount the root file system read-only'),
    securityOpt: flags.list('security-opt', '', 'Security options'),
    sysctl: mapFlag(flags, 'sysctl', 'Set a kernel parameter of the container', checkSysctl),
    userns: flags.string('userns', '', '', 'User namespace of the container'),
    uts: flags.string('uts', '', '', 'UTS namespace of the container'),
  }
}

function networkFlags(flags: FlagSet) {
  const network = structFlag(
    flags,
    'network',
    'network',
    'Connect the container to a network',
    parseNetwork,
  )
  const aliases = flags.list(
    'network-alias',
    '',
    'Another name of the container within the network',
  )
  const dnsOption = flags.list('dns-option', '', 'Option of the resolver')
  flags.alias('net', network)
  flags.alias('net-alias', aliases)
  flags.alias('dns-opt', dnsOption)
  return {
    addHost: flags.list('add-host', '', 'Add a name to /etc/hosts (host:ip)', checkExtraHost),
    dns: flags.list('dns', '', 'DNS server of the container', checkAddress),
    dnsOption,
    dnsSearch: flags.list('dns-search', '', 'Search domain of the container', checkDnsSearch),
    expose: flags.list('expose', '', 'Expose a port or a range of ports'),
    ip: flags.string('ip', '', '', 'IPv4 address (such as 172.30.100.104)'),
    ip6: flags.string('ip6', '', '', 'IPv6 address (such as 2001:db8::33)'),
    link: flags.list('link', '', 'Link to another container', checkLink),
    linkLocalIp: flags.list('link-local-ip', '', 'Link-local address, IPv4 or IPv6', checkAddress),
    macAddress: flags.string('mac-address', '', '', 'MAC address (such as 92:d0:c6:0a:29:33)'),
    network,
    aliases,
    publish: flags.list('publish', 'p', 'Publish ports of the container on the host'),
    publishAll: flags.bool(
      'publish-all',
      'P',
      false,
      'Publish all exposed ports on free ports of the host',
    ),
  }
}

function storageFlags(flags: FlagSet) {
  return {
    mount: structFlag(
      flags,
      'mount',
      'mount',
      'Mount a file system into the container',
      parseMount,
    ),
    shmSize: bytesFlag(flags, 'shm-size', 'Size of /dev/shm'),
    storageOpt: flags.list('storage-opt', '', "Option of the container's storage"),
    tmpfs: flags.list('tmpfs', '', 'Mount a tmpfs on a directory'),
    volume: flags.list('volume', 'v', 'Mount a volume, or a path of the host'),
    volumeDriver: flags.string('volume-driver', '', '', 'Driver of new volumes'),
    volumesFrom: flags.list('volumes-from', '', 'Mount the volumes of another container'),
  }
}

function resourceFlags(flags: FlagSet) {
  const unsigned = (name: string, type: string, usage: string, parse: (text: string) => number) =>
    flags.add<number>({ name, usage, type, initial: 0, parse })
  return {
    ...memoryFlags(flags),
    ...cpuFlags(flags),
    ...deviceFlags(flags),
    blkioWeight: unsigned(
      'blkio-weight',
      'uint16',
      'Weight of block IO: 10 to 1000, or 0 for none',
      parseUint16,
    ),
    ioMaxIops: unsigned(
      'io-maxiops',
      'uint',
      'Limit of IO operations of the system drive (Windows only)',
      parseUint64,
    ),
    ioMaxBandwidth: bytesFlag(
      flags,
      'io-maxbandwidth',
      'Limit of IO bandwidth of the system drive (Windows only)',
    ),
    cgroupParent: flags.string('cgroup-parent', '', '', 'Cgroup to put the container under'),
    pidsLimit: intFlag(flags, 'pids-limit', 'Limit of processes (-1 for none)'),
    ulimit: structFlag(flags, 'ulimit', 'ulimit', 'Set a ulimit', parseUlimit),
  }
}

function memoryFlags(flags: FlagSet) {
  return {
    kernelMemory: bytesFlag(flags, 'kernel-memory', 'Limit of kernel memory'),
    memory: bytesFlag(flags, 'memory', 'Limit of memory', { shorthand: 'm' }),
    memoryReservation: bytesFlag(
      flags,
      'memory-reservation',
      'Memory to come down to when the host is short of it',
    ),
    memorySwap: bytesFlag(
      flags,
      'memory-swap',
      "Limit of memory and swap together ('-1' for no limit of swap)",
      { parse: parseSwapBytes },
    ),
    memorySwappiness: intFlag(
      flags,
      'memory-swappiness',
      'How readily memory is swapped out (0 to 100)',
      { initial: -1 },
    ),
    oomKillDisable: flags.bool(
      'oom-kill-disable',
      '',
      false,
      'Do not kill processes when memory runs out',
    ),
    oomScoreAdj: intFlag(
      flags,
      'oom-score-adj',
      'How soon the host kills it when memory runs out (-1000 to 1000)',
    ),
  }
}

function cpuFlags(flags: FlagSet) {
  return {
    cpuCount: intFlag(flags, 'cpu-count', 'Number of CPUs (Windows only)'),
    cpuPercent: intFlag(flags, 'cpu-percent', 'Share of CPU in percent (Windows only)'),
    cpuPeriod: intFlag(
      flags,
      'cpu-period',
      'Period of the CFS (Completely Fair Scheduler), in microseconds',
    ),
    cpuQuota: intFlag(flags, 'cpu-quota', 'CPU time per period of the CFS, in microseconds'),
    cpuRtPeriod: intFlag(
      flags,
      'cpu-rt-period',
      'Period of the real-time scheduler, in microseconds',
    ),
    cpuRtRuntime: intFlag(
      flags,
      'cpu-rt-runtime',
      'Real-time CPU time per period, in microseconds',
    ),
    cpuShares: intFlag(flags, 'cpu-shares', 'CPU shares (relative weight)', { shorthand: 'c' }),
    cpus: flags.add<number>({
      name: 'cpus',
      usage: 'Number of CPUs',
      type: 'decimal',
      initial: 0,
      parse: parseCpus,
    }),
    cpusetCpus: flags.string('cpuset-cpus', '', '', 'CPUs it may run on (0-3, 0,1)'),
    cpusetMems: flags.string('cpuset-mems', '', '', 'Memory nodes it may use (0-3, 0,1)'),
  }
}

function deviceFlags(flags: FlagSet) {
  return {
    blkioWeightDevice: structFlag(
      flags,
      'blkio-weight-device',
      'list',
      'Weight of block IO on one device',
      parseWeightDevice,
    ),
    device: flags.list('device', '', 'Add a device of the host'),
    deviceCgroupRule: flags.list(
      'device-cgroup-rule',
      '',
      'Allow devices by a cgroup rule',
      checkDeviceRule,
    ),
    deviceReadBps: structFlag(
      flags,
      'device-read-bps',
      'list',
      'Limit reading from a device, in bytes per second',
      parseThrottleBytes,
    ),
    deviceReadIops: structFlag(
      flags,
      'device-read-iops',
      'list',
      'Limit reading from a device, in operations per second',
      parseThrottleOperations,
    ),
    deviceWriteBps: structFlag(
      flags,
      'device-write-bps',
      'list',
      'Limit writing to a device, in bytes per second',
      parseThrottleBytes,
    ),
    deviceWriteIops: structFlag(
      flags,
      'device-write-iops',
      'list',
      'Limit writing to a device, in operations per second',
      parseThrottleOperations,
    ),
    gpus: structFlag(flags, 'gpus', 'gpu-request', "Add GPUs ('all' for all of them)", parseGpus),
  }
}

function healthFlags(flags: FlagSet) {
  return {
    cmd: flags.string('health-cmd', '', '', 'Command that tells whether the container is healthy'),
    interval: durationFlag(flags, 'health-interval', 'Time between two checks (ms|s|m|h)'),
    retries: intFlag(flags, 'health-retries', 'Failures in a row that make it unhealthy'),
    startInterval: durationFlag(
      flags,
      'health-start-interval',
      'Time between two checks while it starts (ms|s|m|h)',
    ),
    startPeriod: durationFlag(
      flags,
      'health-start-period',
      'Time it has to start before failures count (ms|s|m|h)',
    ),
    timeout: durationFlag(flags, 'health-timeout', 'Time one check may take (ms|s|m|h)'),
    none: flags.bool('no-healthcheck', '', false, "Switch the image's HEALTHCHECK off"),
  }
}

function creationFlags(flags: FlagSet, verb: 'run' | 'create') {
  const moment = verb === 'run' ? 'running' : 'creating'
  flags.bool('disable-content-trust', '', true, 'Do not check signatures of images')
  return {
    name: flags.string('name', '', '', 'Name of the container'),
    platform: flags.string(
      'platform',
      '',
      env['DOCKER_DEFAULT_PLATFORM'] ?? '',
      'Platform of the image, where it has several',
    ),
    pull: flags.string(
      'pull',
      '',
      'missing',
      `Pull the image before ${moment} ("always", "missing", "never")`,
    ),
    quiet: flags.bool('quiet', 'q', false, 'Do not show the progress of the pull'),
    useApiSocket: flags.bool(
      'use-api-socket',
      '',
      false,
      'Mount the socket of the daemon, with your credentials',
    ),
  }
}
