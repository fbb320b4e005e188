/** What confines a process: capabilities, filters, privileges, masks. */
import { readFileSync } from 'node:fs'
import { failsToStart, type Field, host, refused } from '../field.ts'
import type { Seen } from '../seen.ts'

const all = /^CapBnd:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
/** The fourteen of Docker, as far as the machine has them. */
const fourteen = 0xa80425fbn
const mask = (bits: bigint): string => (bits & BigInt(`0x${all}`)).toString(16).padStart(16, '0')
const bit = (number: number): bigint => 1n << BigInt(number)
const NET_RAW = bit(13)
const NET_ADMIN = bit(12)
const CHOWN = bit(0)
const SYS_TIME = bit(25)

/** Bounding, permitted, effective; inheritable and ambient, which are empty. */
const capabilities = (x: Seen): string[] =>
  ['CapBnd', 'CapPrm', 'CapEff', 'CapInh', 'CapAmb'].map((key) => x.status(key))
const sets = (bits: bigint): string[] => {
  const text = mask(bits)
  return [text, text, text, '0'.repeat(16), '0'.repeat(16)]
}

const profile = (rules: object[]): string =>
  `seccomp=${JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules })}`

const masked = (x: Seen, path: string): string => {
  const mount = x.mount(path)
  if (!mount) return 'open'
  return mount.options.split(',').includes('ro') ? 'read-only' : 'covered'
}

export const securityFields: readonly Field[] = [
  host(
    'CapAdd',
    [
      { set: [], see: capabilities, expect: sets(fourteen) },
      { set: ['NET_ADMIN'], see: capabilities, expect: sets(fourteen | NET_ADMIN) },
      { set: ['cap_sys_time'], see: capabilities, expect: sets(fourteen | SYS_TIME) },
      { set: ['ALL'], see: capabilities, expect: sets(BigInt(`0x${all}`)) },
      {
        what: 'all but what is dropped',
        set: ['all'],
        host: { CapDrop: ['NET_RAW'] },
        see: capabilities,
        expect: sets(BigInt(`0x${all}`) & ~NET_RAW),
      },
      {
        what: 'a user other than root has them in the bounding set only',
        set: ['NET_ADMIN'],
        config: { User: '1' },
        see: (x) => [
          x.status('CapBnd'),
          x.status('CapPrm'),
          x.status('CapEff'),
          x.status('CapInh'),
        ],
        expect: [mask(fourteen | NET_ADMIN), '0'.repeat(16), '0'.repeat(16), '0'.repeat(16)],
      },
    ],
    [
      refused(['FLY'], 'invalid CapAdd: unknown capability: "CAP_FLY"'),
      refused(['CAP_CAP_CHOWN'], 'invalid CapAdd: unknown capability: "CAP_CAP_CHOWN"'),
    ],
  ),
  host(
    'CapDrop',
    [
      { set: ['NET_RAW'], see: capabilities, expect: sets(fourteen & ~NET_RAW) },
      { set: ['ALL'], see: capabilities, expect: sets(0n) },
      {
        what: 'all, and some back',
        set: ['all'],
        host: { CapAdd: ['chown'] },
        see: capabilities,
        expect: sets(CHOWN),
      },
    ],
    [refused(['FLY'], 'invalid CapDrop: unknown capability: "CAP_FLY"')],
  ),
  host(
    'Capabilities',
    [{ what: 'of API 1.40 only, ignored elsewhere', set: ['NET_ADMIN'], shown: undefined }],
    [
      refused(
        ['NET_ADMIN'],
        /^the HostConfig\.Capabilities field is not supported by this daemon/,
        { version: '1.40' },
      ),
    ],
  ),
  host('Privileged', [
    {
      what: 'all capabilities',
      set: true,
      see: capabilities,
      expect: sets(BigInt(`0x${all}`)),
    },
    {
      what: 'no filter, no masks, writable /sys and cgroups',
      set: true,
      see: (x) => [
        x.status('Seccomp'),
        masked(x, '/proc/sys'),
        masked(x, '/proc/keys'),
        x.mount('/sys')?.options.split(',')[0],
        x
          .mounts()
          .find(
            ({ target }) =>
              /^\/sys\/fs\/cgroup(\/memory)?$/.test(target) &&
              target !== (x.cgroupVersion === 1 ? '/sys/fs/cgroup' : ''),
          )
          ?.options.split(',')[0],
      ],
      expect: ['0', 'open', 'open', 'rw', 'rw'],
    },
    {
      what: 'the devices of the host',
      set: true,
      script:
        'test -c /dev/kmsg && (: < /dev/kmsg) && echo kmsg; mknod /tmp/l c 10 237 && (: < /tmp/l) && echo any',
      expect: 'kmsg\nany',
    },
    {
      set: false,
      see: (x) => [x.status('Seccomp'), masked(x, '/proc/sys')],
      expect: ['2', 'read-only'],
    },
  ]),
  host(
    'SecurityOpt',
    [
      {
        what: 'nothing',
        set: [],
        see: (x) => [x.status('NoNewPrivs'), x.status('Seccomp')],
        expect: ['0', '2'],
      },
      { set: ['no-new-privileges'], see: (x) => x.status('NoNewPrivs'), expect: '1' },
      { set: ['no-new-privileges=true'], see: (x) => x.status('NoNewPrivs'), expect: '1' },
      { set: ['no-new-privileges:true'], see: (x) => x.status('NoNewPrivs'), expect: '1' },
      { set: ['no-new-privileges=0'], see: (x) => x.status('NoNewPrivs'), expect: '0' },
      {
        what: 'nothing, in the host’s pid namespace: no label',
        set: null,
        host: { PidMode: 'host' },
        shown: ['label=disable'],
      },
      { set: ['seccomp=unconfined'], see: (x) => x.status('Seccomp'), expect: '0' },
      { set: ['seccomp=builtin'], see: (x) => x.status('Seccomp'), expect: '2' },
      {
        what: 'an empty profile',
        set: ['seccomp={}'],
        see: (x) => x.status('Seccomp'),
        expect: '0',
      },
      {
        what: 'a profile',
        set: [profile([{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }])],
        script: 'mkdir /q 2>/dev/null || echo denied; grep Seccomp: /proc/self/status',
        expect: 'denied\nSeccomp:\t2',
      },
      {
        what: 'a profile, privileged',
        set: [profile([{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }])],
        host: { Privileged: true },
        shown: /mkdirat.*"label=disable"\]$/,
        script: 'mkdir /q 2>/dev/null || echo denied',
        expect: 'denied',
      },
      {
        set: ['writable-cgroups'],
        script: `mkdir /sys/fs/cgroup/*emory/sub 2>/dev/null || mkdir /sys/fs/cgroup/sub && echo made`,
        host: { CgroupnsMode: 'private' },
        expect: 'made',
      },
      {
        set: ['writable-cgroups=false'],
        host: { Privileged: true },
        shown: ['writable-cgroups=false', 'label=disable'],
        script: `mkdir /sys/fs/cgroup/*emory/sub 2>/dev/null || mkdir /sys/fs/cgroup/sub 2>/dev/null || echo refused`,
        expect: 'refused',
      },
      {
        what: 'profiles and labels of modules that the kernel lacks are ignored',
        set: ['apparmor=mine', 'label=type:x_t', 'label=disable'],
        see: (x) => x.arguments()[0],
        expect: 'sleep',
        unless: () => lsm(),
      },
      {
        what: 'AppArmor’s profile of Docker, where the kernel has it',
        set: [],
        see: (x) => x.proc('attr/apparmor/current'),
        expect: 'docker-default (enforce)\n',
        unless: withoutAppArmor,
      },
      {
        set: ['apparmor=unconfined'],
        see: (x) => x.proc('attr/apparmor/current'),
        expect: 'unconfined\n',
        unless: withoutAppArmor,
      },
    ],
    [
      { set: ['x'], status: 500, says: 'invalid --security-opt 1: "x"' },
      { set: ['x=1'], status: 500, says: 'invalid --security-opt 2: "x=1"' },
      {
        what: 'systempaths, which is the client’s to understand',
        set: ['systempaths=unconfined'],
        status: 500,
        says: 'invalid --security-opt 2: "systempaths=unconfined"',
      },
      {
        set: ['no-new-privileges=maybe'],
        status: 500,
        says: 'invalid --security-opt 2: "no-new-privileges=maybe"',
      },
      failsToStart(['seccomp=not json'], /^Decoding seccomp profile failed: /),
    ],
  ),
  host('MaskedPaths', [
    {
      what: 'not said: Docker’s',
      set: null,
      shown: /"\/proc\/kcore".*"\/sys\/firmware"/,
      see: (x) => masked(x, '/proc/keys'),
      expect: 'read-only',
    },
    { what: 'none', set: [], see: (x) => masked(x, '/proc/keys'), expect: 'open' },
    {
      what: 'a file, a directory, and what is not there',
      set: ['/etc/group', '/home', '/not/there'],
      script: 'wc -c < /etc/group; ls /home | wc -l; touch /home/x 2>/dev/null || echo closed',
      expect: '0\n0\nclosed',
    },
    { what: 'not said, privileged: none', set: null, host: { Privileged: true }, shown: null },
  ]),
  host('ReadonlyPaths', [
    {
      what: 'not said: Docker’s',
      set: null,
      shown: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      see: (x) => masked(x, '/proc/sys'),
      expect: 'read-only',
    },
    { what: 'none', set: [], see: (x) => masked(x, '/proc/sys'), expect: 'open' },
    {
      set: ['/tmp'],
      script: 'touch /tmp/x 2>/dev/null || echo closed; touch /var/x && echo open',
      expect: 'closed\nopen',
    },
  ]),
]

function withoutAppArmor(): string | undefined {
  return lsm()?.includes('apparmor') ? undefined : 'the kernel has no AppArmor'
}

/** Why a kernel cannot show what happens on one without security modules. */
function lsm(): string | undefined {
  try {
    const modules = readFileSync('/sys/kernel/security/lsm', 'utf8')
    return /apparmor|selinux/.test(modules) ? `the kernel has ${modules}` : undefined
  } catch {
    return undefined
  }
}
