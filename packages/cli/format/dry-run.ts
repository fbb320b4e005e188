import type { ContainerDryRun } from '@tdocker/api'
import { quoteWord } from './shell-words.ts'
import { binarySize } from './units.ts'

/** `run --dry-run`: what would be made, as a page to read. */
export function dryRunPage(plan: ContainerDryRun): string {
  const { Process: process, Cgroup: cgroup } = plan
  return [
    line('Name', plan.Name),
    line('Image', plan.Image),
    line('Command', process.Args.map(quoteWord).join(' ')),
    line('Directory', process.Cwd),
    line('User', user(plan)),
    block('Environment', process.Env),
    block('Labels', pairs(plan.Config.Labels)),
    block('Namespaces', pairs(plan.Namespaces)),
    line('Root', plan.ReadonlyRootfs ? 'read-only' : 'writable'),
    block('Mounts', plan.Mounts.map(mountText)),
    block('Devices', plan.Devices),
    block('Sysctls', pairs(plan.Sysctls)),
    block('Masked', plan.MaskedPaths),
    block('Read-only paths', plan.ReadonlyPaths),
    line('Capabilities', process.Capabilities.join(' ') || 'none'),
    line('Seccomp', process.Seccomp),
    ...(process.AppArmor ? [line('AppArmor', process.AppArmor)] : []),
    line('No new privileges', String(process.NoNewPrivileges)),
    block(
      'Ulimits',
      process.Rlimits.map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`),
    ),
    line('Cgroup', `${cgroup.Path} (v${cgroup.Version})`),
    block('Cgroup values', Object.entries(cgroup.Values).map(valueText)),
    block('Device rules', cgroup.DeviceRules),
    line('Network', plan.Network.Mode),
    block('Published ports', plan.Network.PortRules),
    line('Restart', restart(plan)),
    line('Log', plan.HostConfig.LogConfig?.Type ?? ''),
  ].join('')
}

function line(title: string, value: string): string {
  return `${title}: ${value}\n`
}

/** Nothing is said of what there is none of. */
function block(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${title}:\n${items.map((item) => `  ${item}\n`).join('')}`
}

function pairs(values: Readonly<Record<string, string>> | null | undefined): string[] {
  return Object.entries(values ?? {}).map(([key, value]) => `${key}=${value}`)
}

function user({ Process: { Uid, Gid, Groups } }: ContainerDryRun): string {
  const more = Groups.filter((group) => group !== Gid)
  return `${Uid}:${Gid}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}

function mountText({ Type, Target, Source, Created, Options }: ContainerDryRun['Mounts'][number]) {
  const from = Source ? ` from ${Source}` : Created ? ' from a new volume' : ''
  const made = Created && Source ? ' (would be made)' : ''
  return `${Target} ${Type}${from}${made} (${Options.join(',')})`
}

function valueText([file, value]: [string, string]): string {
  const bytes = file.startsWith('memory.') && Number(value) >= 1024
  return `${file} = ${value}${bytes ? ` (${binarySize(Number(value))})` : ''}`
}

function restart({ HostConfig: { RestartPolicy, AutoRemove } }: ContainerDryRun): string {
  const { Name = 'no', MaximumRetryCount = 0 } = RestartPolicy ?? {}
  const policy = `${Name || 'no'}${MaximumRetryCount > 0 ? `:${MaximumRetryCount}` : ''}`
  return AutoRemove ? `${policy}, removed after its exit` : policy
}
