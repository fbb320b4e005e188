import type { EndpointSettings } from '@tdocker/api'
import type { Container, ContainerDetail } from '../container.ts'

/** What a container remembers of its networks, before a change that may fail. */
export function snapshot(c: Container): { restore(): void } {
  const { endpoints, networking, ports } = c.detail
  const before: Pick<ContainerDetail, 'endpoints' | 'networking' | 'ports'> = {
    endpoints: { ...endpoints },
    networking: { ...networking, ...wishes(c) },
    ports,
  }
  return { restore: () => void Object.assign(c.detail, before) }
}

/** `asked` is for the starts to come, `shown` for `inspect`. */
export function noteEndpoint(
  c: Container,
  name: string,
  asked: EndpointSettings,
  shown: EndpointSettings,
): void {
  c.detail.networking = { EndpointsConfig: { ...wishes(c).EndpointsConfig, [name]: asked } }
  c.detail.endpoints = { ...c.detail.endpoints, [name]: shown }
}

export function forgetEndpoint(c: Container, name: string): void {
  const others = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([key]) => key !== name))
  c.detail.networking = { EndpointsConfig: others(wishes(c).EndpointsConfig) }
  c.detail.endpoints = others(c.detail.endpoints)
}

/** By network; where nothing was said when the container was made, the one of its mode. */
function wishes(c: Container): { EndpointsConfig: Record<string, EndpointSettings> } {
  const asked = c.detail.networking.EndpointsConfig
  if (asked !== undefined) return { EndpointsConfig: { ...asked } }
  const names = Object.keys(c.detail.endpoints)
  return { EndpointsConfig: Object.fromEntries(names.map((name) => [name, {}])) }
}
