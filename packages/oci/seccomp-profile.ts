/**
 * Docker's seccomp profile format: the OCI runtime spec's (config-linux.md, seccomp) with
 * `archMap`, and rules that hold only for some capabilities, architectures or kernels.
 */
export interface SeccompProfile {
  defaultAction: string
  defaultErrnoRet?: number
  /** Instead of `archMap`. */
  architectures?: readonly string[]
  archMap?: ReadonlyArray<{ architecture: string; subArchitectures: readonly string[] }>
  syscalls: readonly SeccompRule[]
}

export interface SeccompRule {
  names: readonly string[]
  action: string
  errnoRet?: number
  args?: readonly SeccompArg[]
  includes?: SeccompCondition
  excludes?: SeccompCondition
}

export interface SeccompArg {
  index: number
  op: string
  /** With SCMP_CMP_MASKED_EQ the mask, and `valueTwo` what remains. */
  value: bigint
  valueTwo?: bigint
}

export interface SeccompCondition {
  /** Names with CAP_. */
  caps?: readonly string[]
  /** Go's names: amd64, arm64, x86, s390x… */
  arches?: readonly string[]
  /** '4.8' */
  minKernel?: string
}

/** A profile for one container; the input of a filter compiler. */
export interface ResolvedSeccomp {
  defaultAction: string
  defaultErrno?: number
  /** libseccomp's names, native one first: x86_64, x86, x32. */
  architectures: string[]
  rules: ResolvedSeccompRule[]
}

export interface ResolvedSeccompRule {
  names: readonly string[]
  action: string
  errno?: number
  args: readonly SeccompArg[]
}

export interface SeccompTarget {
  /** The bounding set; names without CAP_. */
  capabilities: readonly string[]
  /** uname -m. */
  machine: string
  /** uname -r. */
  kernelVersion: string
}

/** Applies the conditions of a profile. */
export function resolveSeccomp(profile: SeccompProfile, target: SeccompTarget): ResolvedSeccomp {
  const arch = archOf[target.machine] ?? { profile: target.machine, scmp: '' }
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrno: profile.defaultErrnoRet }),
    architectures: architectures(profile, arch.scmp),
    rules: profile.syscalls.filter((rule) => applies(rule, arch.profile, target)).flatMap(flatten),
  }
}

function architectures(profile: SeccompProfile, native: string): string[] {
  const mapped = profile.archMap?.find((entry) => entry.architecture === native)
  const all = mapped
    ? [mapped.architecture, ...mapped.subArchitectures]
    : (profile.architectures ?? [])
  return all.map((name) => name.replace(/^SCMP_ARCH_/, '').toLowerCase())
}

function applies(rule: SeccompRule, arch: string, target: SeccompTarget): boolean {
  const { includes, excludes } = rule
  const has = (cap: string): boolean => target.capabilities.includes(cap.replace(/^CAP_/, ''))
  if (excludes?.arches?.includes(arch) || excludes?.caps?.some(has)) return false
  if (excludes?.minKernel && kernelAtLeast(target.kernelVersion, excludes.minKernel)) return false
  if (includes?.arches?.length && !includes.arches.includes(arch)) return false
  if (includes?.caps && !includes.caps.every(has)) return false
  return !includes?.minKernel || kernelAtLeast(target.kernelVersion, includes.minKernel)
}

/**
 * libseccomp takes one comparison per argument in a rule; several on the same one are alternatives,
 * a rule each, as runc has it.
 */
function flatten(rule: SeccompRule): ResolvedSeccompRule[] {
  const { names, action, errnoRet, args = [] } = rule
  const base = { names, action, ...(errnoRet === undefined ? {} : { errno: errnoRet }) }
  const repeated = new Set(args.map((arg) => arg.index)).size < args.length
  return repeated ? args.map((arg) => ({ ...base, args: [arg] })) : [{ ...base, args }]
}

/** Compares major and minor only: '6.1.0-13-amd64' is at least '4.8'. */
export function kernelAtLeast(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map((part) => Number.parseInt(part, 10))
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

/** uname -m to the names that profiles use in `arches` and `archMap`. */
const archOf: Record<string, { profile: string; scmp: string }> = {
  x86_64: { profile: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  i686: { profile: 'x86', scmp: 'SCMP_ARCH_X86' },
  i386: { profile: 'x86', scmp: 'SCMP_ARCH_X86' },
  aarch64: { profile: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
  armv7l: { profile: 'arm', scmp: 'SCMP_ARCH_ARM' },
  armv6l: { profile: 'arm', scmp: 'SCMP_ARCH_ARM' },
  ppc64le: { profile: 'ppc64le', scmp: 'SCMP_ARCH_PPC64LE' },
  riscv64: { profile: 'riscv64', scmp: 'SCMP_ARCH_RISCV64' },
  s390x: { profile: 's390x', scmp: 'SCMP_ARCH_S390X' },
  loongarch64: { profile: 'loong64', scmp: 'SCMP_ARCH_LOONGARCH64' },
  mips64: { profile: 'mips64', scmp: 'SCMP_ARCH_MIPS64' },
}
