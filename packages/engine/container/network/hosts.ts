import { writeFileSync } from 'node:fs'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { readHosts } from '../links/hosts.ts'
import { containerDirs } from '../paths.ts'

/** A running container's hosts file knows its own addresses: those that come … */
export function addHostLines(ctx: Context, c: Container, addresses: readonly string[]): void {
  if (addresses.length > 0) edit(ctx, c, (text) => withLines(text, c, addresses))
}

/** … and those that go. */
export function removeHostLines(ctx: Context, c: Container, addresses: readonly string[]): void {
  if (addresses.length > 0) edit(ctx, c, (text) => withoutLines(text, addresses))
}

export function withLines(
  text: string,
  c: Pick<Container, 'config'>,
  addresses: readonly string[],
): string {
  const { Hostname: host = '', Domainname: domain = '' } = c.config
  const names = domain === '' ? host : `${host}.${domain} ${host}`
  const separator = text === '' || text.endsWith('\n') ? '' : '\n'
  return `${text}${separator}${addresses.map((address) => `${address}\t${names}\n`).join('')}`
}

export function withoutLines(text: string, addresses: readonly string[]): string {
  const gone = new Set(addresses)
  return text
    .split('\n')
    .filter((line) => !gone.has(line.split(/\s/)[0] ?? ''))
    .join('\n')
}

/** In place: the file is bound into the container, so it must stay the same one. */
function edit(ctx: Context, c: Container, change: (text: string) => string): void {
  const { hosts } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  try {
    writeFileSync(hosts, change(readHosts(hosts)))
  } catch (err) {
    ctx.log.warn({ container: c.id, err }, 'hosts file not updated')
  }
}
