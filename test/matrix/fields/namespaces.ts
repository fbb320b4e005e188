/** Namespaces, and the names that live in them. */
import { hostname } from 'node:os'
import {
  config,
  failsToStart,
  type Field,
  host,
  perVersion,
  refused,
  runtimeSays,
} from '../field.ts'
import { Seen } from '../seen.ts'
import type { World } from '../world.ts'

type Kind = Parameters<Seen['namespaceOf']>[0]

const namespaceOf =
  (kind: Kind) =>
  async (x: Seen): Promise<string> => {
    const donor = await Seen.of(x.daemon, 'donor')
    return x.namespaceOf(kind, { pid: donor.pid, name: 'donor' })
  }

const donor = (world: World): string => `container:${world.donor}`
const stopped = (world: World): string => `container:${world.stopped}`

const shm = (x: Seen): string | undefined => x.mount('/dev/shm')?.type

export const namespaceFields: readonly Field[] = [
  config(
    'Hostname',
    [
      {
        set: 'h1',
        script: 'hostname; cat /etc/hostname; echo $HOSTNAME',
        expect: 'h1\nh1\nh1',
      },
      { what: 'not said: the short id', set: '', shown: /^[0-9a-f]{12}$/ },
      {
        what: 'not said, in the host’s network: the machine’s',
        set: '',
        host: { NetworkMode: 'host' },
        script: 'hostname',
        expect: hostname(),
        shown: hostname(),
      },
    ],
    [
      refused('x'.repeat(65), `hostname "${'x'.repeat(65)}" is too long (maximum 64 bytes)`),
      refused('h', 'conflicting options: hostname and the UTS mode', { host: { UTSMode: 'host' } }),
      refused('h', 'conflicting options: hostname and the network mode', {
        host: { NetworkMode: 'container:donor' },
      }),
    ],
  ),
  config('Domainname', [
    {
      set: 'example.test',
      config: { Hostname: 'h1' },
      script: 'cat /proc/sys/kernel/domainname /etc/hostname',
      expect: 'example.test\nh1.example.test',
    },
  ]),
  host(
    'UTSMode',
    [
      { set: 'host', see: namespaceOf('uts'), expect: 'host' },
      { set: '', see: namespaceOf('uts'), expect: 'own' },
    ],
    [
      refused('x', 'invalid UTS mode: x'),
      refused('container:donor', 'invalid UTS mode: container:donor'),
    ],
  ),
  host(
    'PidMode',
    [
      { set: '', see: namespaceOf('pid'), expect: 'own' },
      { set: 'host', see: namespaceOf('pid'), expect: 'host' },
      { set: 'container:donor', shown: donor, see: namespaceOf('pid'), expect: 'donor' },
    ],
    [
      refused('private', 'invalid PID mode: private'),
      refused('container:', 'invalid PID mode: container:'),
      refused('container:nope', 'No such container: nope'),
      failsToStart(
        stopped,
        /^failed to join PID namespace: container [0-9a-f]{64} is not running$/,
      ),
    ],
  ),
  host(
    'IpcMode',
    [
      { set: '', shown: 'private', see: namespaceOf('ipc'), expect: 'own' },
      { set: 'private', see: shm, expect: 'tmpfs' },
      { set: 'shareable', see: namespaceOf('ipc'), expect: 'own' },
      { set: 'none', see: shm, expect: undefined },
      { set: 'host', see: namespaceOf('ipc'), expect: 'host' },
      { set: 'container:donor', shown: donor, see: namespaceOf('ipc'), expect: 'donor' },
      {
        what: 'container: shares /dev/shm, too',
        set: 'container:donor',
        shown: donor,
        script: 'echo shared > /dev/shm/matrix; cat /dev/shm/matrix',
        see: async (x) => (await Seen.of(x.daemon, 'donor')).file('/dev/shm/matrix'),
        expect: 'shared\n',
      },
    ],
    [
      refused('x', 'invalid IPC mode: x'),
      refused('container:nope', 'No such container: nope'),
      failsToStart(
        stopped,
        /^failed to join IPC namespace: container [0-9a-f]{64} is not running$/,
        {
          status: 409,
        },
      ),
      failsToStart(
        'container:private',
        /^failed to join IPC namespace: container [0-9a-f]{64}: non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)$/,
        { status: 400 },
      ),
    ],
  ),
  host(
    'CgroupnsMode',
    [
      { set: 'private', see: namespaceOf('cgroup'), expect: 'own' },
      { set: 'host', see: namespaceOf('cgroup'), expect: 'host' },
      {
        what: 'not said',
        set: '',
        shown: perVersion('host', 'private'),
        see: namespaceOf('cgroup'),
        expect: perVersion('host', 'own'),
      },
      {
        what: 'privileged',
        set: '',
        host: { Privileged: true },
        shown: perVersion('host', 'private'),
      },
    ],
    [refused('x', 'invalid cgroup namespace mode: x')],
  ),
  host('UsernsMode', [
    { set: 'host', see: namespaceOf('user'), expect: 'host' },
    {
      what: 'any other word: none without remapping',
      set: 'x',
      see: namespaceOf('user'),
      expect: 'host',
    },
  ]),
  host('Cgroup', [{ what: 'kept, without effect', set: 'container:x' }]),
  host(
    'Isolation',
    [{ set: 'default' }, { set: '' }],
    [
      refused('hyperv', "invalid isolation (hyperv): linux only supports 'default'"),
      refused('x', "invalid isolation (x): linux only supports 'default'"),
    ],
  ),
  host(
    'Runtime',
    [
      { set: 'runc', see: (x) => x.arguments()[0], expect: 'sleep' },
      { set: 'io.containerd.runc.v2', see: (x) => x.arguments()[0], expect: 'sleep' },
      { set: '', shown: 'tdocker' },
    ],
    [
      refused('kata', 'unknown or invalid runtime name: kata'),
      refused('/bin/sh', 'unknown or invalid runtime name: /bin/sh'),
      failsToStart(
        'io.example.v1',
        /runtime "io\.example\.v1" binary not installed "containerd-shim-example-v1": file does not exist/,
      ),
    ],
  ),
  host(
    'Sysctls',
    [
      {
        set: { 'kernel.shmmax': '12345', 'net.ipv4.ip_forward': '1', 'fs.mqueue.msg_max': '11' },
        script: 'cd /proc/sys; cat kernel/shmmax net/ipv4/ip_forward fs/mqueue/msg_max',
        expect: '12345\n1\n11',
      },
      {
        what: 'Docker’s own, and the user’s over them',
        set: { 'net.ipv4.ip_unprivileged_port_start': '80' },
        script: 'cd /proc/sys/net/ipv4; cat ping_group_range ip_unprivileged_port_start',
        expect: '0\t2147483647\n80',
      },
      {
        what: 'the domain name',
        set: { 'kernel.domainname': 'x.test' },
        script: 'cat /proc/sys/kernel/domainname',
        expect: 'x.test',
      },
    ],
    [
      failsToStart(
        { 'kernel.core_pattern': 'x' },
        runtimeSays('sysctl "kernel.core_pattern" is not in a separate kernel namespace'),
      ),
      failsToStart(
        { 'vm.swappiness': '1' },
        runtimeSays('sysctl "vm.swappiness" is not in a separate kernel namespace'),
      ),
      failsToStart(
        { 'kernel.hostname': 'x' },
        runtimeSays(
          'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
        ),
      ),
      failsToStart(
        { 'net.ipv4.ip_forward': '1' },
        runtimeSays('sysctl "net.ipv4.ip_forward" not allowed in host network namespace'),
        { host: { NetworkMode: 'host' } },
      ),
      failsToStart(
        { 'kernel.sem': '1 2 3 4' },
        runtimeSays('sysctl "kernel.sem" is not allowed in the hosts ipc namespace'),
        { host: { IpcMode: 'host' } },
      ),
      failsToStart(
        { 'user.max_user_namespaces': '1' },
        runtimeSays(
          'setting ucounts without a user namespace not allowed: user.max_user_namespaces',
        ),
      ),
    ],
  ),
]
