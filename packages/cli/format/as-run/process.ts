import type { ContainerConfig, ContainerInspectResponse, ImageConfig } from '@tdocker/api'
import { durationText, flag, listFlag, mapFlag, onFlag, sameList } from './flags.ts'
import type { Words } from './flags.ts'

/** Flags of what the process is, where it differs from what the image says. */
export function processFlags(
  { Id, Config: config, HostConfig: host }: ContainerInspectResponse,
  image: ImageConfig,
): Words {
  return [
    ...streams(config),
    ...hostname(config, Id, host.NetworkMode ?? ''),
    ...flag('--domainname', config.Domainname),
    ...flag('--user', differs(config.User, image.User)),
    ...listFlag('--group-add', host.GroupAdd),
    ...listFlag('--env', without(config.Env, image.Env)),
    ...flag('--workdir', differs(config.WorkingDir, image.WorkingDir)),
    ...mapFlag('--label', changed(config.Labels, image.Labels)),
    ...flag('--stop-signal', differs(config.StopSignal, image.StopSignal)),
    ...(config.StopTimeout === undefined || config.StopTimeout === null
      ? []
      : ['--stop-timeout', String(config.StopTimeout)]),
    ...(host.Init === undefined || host.Init === null
      ? []
      : [host.Init ? '--init' : '--init=false']),
    ...healthFlags(config.Healthcheck, image.Healthcheck),
  ]
}

/** Detached where nothing was to be attached; `-a` where some streams were left out. */
function streams(config: ContainerConfig): Words {
  const { AttachStdin, AttachStdout, AttachStderr, OpenStdin, Tty } = config
  const both = [...onFlag('--interactive', OpenStdin), ...onFlag('--tty', Tty)]
  if (!AttachStdin && !AttachStdout && !AttachStderr) return ['--detach', ...both]
  if (AttachStdout && AttachStderr && Boolean(AttachStdin) === Boolean(OpenStdin)) return both
  const attached = [
    ...(AttachStdin ? ['stdin'] : []),
    ...(AttachStdout ? ['stdout'] : []),
    ...(AttachStderr ? ['stderr'] : []),
  ]
  return [...both, ...listFlag('--attach', attached)]
}

/** The short ID is the daemon's choice; in a shared network the name is the other's. */
function hostname({ Hostname = '' }: ContainerConfig, id: string, mode: string): Words {
  const chosen = Hostname !== '' && Hostname !== id.slice(0, 12) && mode !== 'host'
  return chosen ? ['--hostname', Hostname] : []
}

const differs = (own: string | undefined, image: string | undefined): string | undefined =>
  (own ?? '') === (image ?? '') ? undefined : own

function without(
  own: readonly string[] | null | undefined,
  image: readonly string[] | null | undefined,
): string[] {
  return (own ?? []).filter((entry) => !(image ?? []).includes(entry))
}

function changed(
  own: Readonly<Record<string, string>> | null | undefined,
  image: Readonly<Record<string, string>> | null | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(own ?? {}).filter(([key, value]) => image?.[key] !== value),
  )
}

type Healthcheck = ContainerConfig['Healthcheck']

function healthFlags(own: Healthcheck, image: Healthcheck): Words {
  if (!own || JSON.stringify(own) === JSON.stringify(image)) return []
  const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = own
  if (Test?.[0] === 'NONE') return ['--no-healthcheck']
  const time = (name: string, value: number | undefined, of: number | undefined): Words =>
    value && value !== of ? [name, durationText(value)] : []
  return [
    ...(sameList(Test, image?.Test) ? [] : flag('--health-cmd', command(Test ?? []))),
    ...time('--health-interval', Interval, image?.Interval),
    ...time('--health-timeout', Timeout, image?.Timeout),
    ...time('--health-start-period', StartPeriod, image?.StartPeriod),
    ...time('--health-start-interval', StartInterval, image?.StartInterval),
    ...(Retries === image?.Retries ? [] : flag('--health-retries', Retries)),
  ]
}

/** The flag takes a line for a shell; words alone are quoted for one. */
function command([kind, ...words]: readonly string[]): string {
  if (kind === 'CMD-SHELL') return words.join(' ')
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ')
}

/** What stands around the image: `--entrypoint` before it, the command behind it. */
export function commandWords(
  { Entrypoint, Cmd }: ContainerConfig,
  image: ImageConfig,
): { before: Words; after: Words } {
  if (!sameList(Entrypoint, image.Entrypoint)) {
    // An entrypoint of one's own puts the image's command aside.
    const [program = '', ...rest] = Entrypoint ?? []
    return { before: ['--entrypoint', program], after: [...rest, ...(Cmd ?? [])] }
  }
  return { before: [], after: sameList(Cmd, image.Cmd) ? [] : (Cmd ?? []) }
}
