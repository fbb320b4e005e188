import type { ContainerConfig } from '@tdocker/api'

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Docker's variables, then the container's (image and user merged), then those of an exec. `K`
 * without `=` takes a variable of the layers before away. HOME is added last, from the user's
 * passwd line, where nobody set it.
 */
export function planEnvironment(o: {
  config: ContainerConfig
  tty: boolean
  home: string
  exec?: readonly string[]
}): string[] {
  const base = [
    `PATH=${defaultPath}`,
    `HOSTNAME=${o.config.Hostname ?? ''}`,
    ...(o.tty ? ['TERM=xterm'] : []),
  ]
  const variables = new Map<string, string>()
  for (const entry of [...base, ...(o.config.Env ?? []), ...(o.exec ?? [])]) {
    const equals = entry.indexOf('=')
    if (equals < 0) variables.delete(entry)
    else variables.set(entry.slice(0, equals), entry)
  }
  if ((variables.get('HOME') ?? 'HOME=') === 'HOME=') {
    variables.set('HOME', `HOME=${o.home}`)
  }
  return [...variables.values()]
}
