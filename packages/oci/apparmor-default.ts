/** The name every Docker host knows it by: profiles and tools of users refer to it. */
export const DEFAULT_APPARMOR_PROFILE = 'docker-default'

/**
 * What containers may do by default: everything a file system and capabilities allow, but no
 * mounts, no kernel crypto sockets, no writing to the kernel's own files, no signals and no tracing
 * across the border. `has` says whether /etc/apparmor.d has a file to include. Syntax: apparmor.d(5).
 */
export function defaultAppArmorProfile(has: (macro: string) => boolean): string {
  const self = DEFAULT_APPARMOR_PROFILE
  return [
    // In later ABIs "network" no longer covers UNIX sockets.
    ...(has('abi/3.0') ? ['abi <abi/3.0>,'] : []),
    has('tunables/global') ? 'include <tunables/global>' : '@{PROC}=/proc/',
    `profile ${self} flags=(attach_disconnected,mediate_deleted) {`,
    ...(has('abstractions/base') ? ['include <abstractions/base>'] : []),
    ...ALLOWED,
    `signal (send,receive) peer=${self},`,
    `ptrace (trace,tracedby,read,readby) peer=${self},`,
    ...DENIED,
    '}',
    '',
  ].join('\n')
}

// Engine, shim and whoever else is root on the host may signal containers.
const ALLOWED = ['network,', 'capability,', 'file,', 'umount,', 'signal (receive) peer=unconfined,']

const DENIED = [
  'network alg,',
  'mount,',
  // In /proc only processes' own directories and the shared memory limits are to be written.
  '@{PROC}/* w,',
  '@{PROC}/{[^1-9/],[^1-9/][^0-9/],[^1-9s/][^0-9y/][^0-9s/],[^1-9/][^0-9/][^0-9/][^0-9/]*}/** w,',
  '@{PROC}/sys/[^k]** w,',
  '@{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,',
  '@{PROC}/sysrq-trigger rwklx,',
  '@{PROC}/kcore rwklx,',
  // In /sys only fs/cgroup.
  '/sys/[^f]*/** wklx,',
  '/sys/f[^s]*/** wklx,',
  '/sys/fs/[^c]*/** wklx,',
  '/sys/fs/c[^g]*/** wklx,',
  '/sys/fs/cg[^r]*/** wklx,',
  '/sys/firmware/** rwklx,',
  '/sys/devices/virtual/powercap/** rwklx,',
  '/sys/kernel/security/** rwklx,',
].map((rule) => `deny ${rule}`)
