import type { EndpointSettings } from '@tdocker/api'
import type { NetworkSandboxes, Sandbox } from '../needs.ts'

/** Networks that give everybody the same addresses. */
export class FakeNetworks implements NetworkSandboxes {
  readonly connected: Set<string> = new Set()
  readonly kernel: { fd(): number }
  restored: ReadonlyMap<string, { pid: number }> | undefined
  failure: Error | undefined

  constructor(kernel: { fd(): number }) {
    this.kernel = kernel
  }

  plan(request: { mode: string }): ReturnType<NetworkSandboxes['plan']> {
    const endpoints = { [request.mode]: {} }
    return Promise.resolve({ asked: endpoints, endpoints })
  }

  open(request: { containerId: string; mode: string }): ReturnType<NetworkSandboxes['open']> {
    if (this.failure) return Promise.reject(this.failure)
    this.connected.add(request.containerId)
    return Promise.resolve({
      netnsFd: this.kernel.fd(),
      holdFds: [this.kernel.fd()],
      heldPorts: [],
      endpoints: {
        [request.mode]: { EndpointID: 'end1', IPAddress: '172.17.0.2', NetworkID: 'net1' },
      },
      ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null },
      hosts: '127.0.0.1 localhost\n',
      resolvConf: '',
    })
  }

  endpointsOf(): undefined {
    return undefined
  }

  nameOf(reference: string): string {
    return reference
  }

  planConnect(
    _request: object,
    name: string,
    settings: EndpointSettings,
  ): ReturnType<NetworkSandboxes['planConnect']> {
    return { name, settings }
  }

  connect(o: Parameters<NetworkSandboxes['connect']>[0]): Promise<undefined> {
    const settings = { ...o.asked, EndpointID: 'end2', IPAddress: '10.0.0.2' }
    o.record({ name: o.reference, settings, addresses: ['10.0.0.2'], ports: {} })
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(undefined)
  }

  disconnect(o: Parameters<NetworkSandboxes['disconnect']>[0]): Promise<void> {
    o.record({ name: o.reference, addresses: ['10.0.0.2'], ports: {} })
    return this.failure ? Promise.reject(this.failure) : Promise.resolve()
  }

  async publish(o: Parameters<NetworkSandboxes['publish']>[0]): Promise<void> {
    if (this.failure) throw this.failure
    await o.record(o.request.portBindings as Sandbox['ports'], [])
  }

  rename(): ReturnType<NetworkSandboxes['rename']> {
    return { statements: [], names: {}, apply() {} }
  }

  release(containerId: string): Promise<void> {
    this.connected.delete(containerId)
    return Promise.resolve()
  }

  restore(alive: ReadonlyMap<string, { pid: number }>): Promise<void> {
    this.restored = alive
    return Promise.resolve()
  }
}
