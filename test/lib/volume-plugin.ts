/** A volume plugin of the suite's own: the legacy protocol over a UNIX socket or TCP. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Held {
  options: Record<string, string>
  /** Ids of those who have mounted it. */
  mounts: Set<string>
}

export class VolumePlugin implements AsyncDisposable {
  readonly volumes: Map<string, Held> = new Map()
  /** `VolumeDriver.Mount {"Name":…}` */
  readonly calls: string[] = []
  /** Method → what it answers instead. */
  readonly faults: Map<string, { status?: number; body: string }> = new Map()
  readonly #server: Server
  readonly #dir: string
  readonly #implements: readonly string[]
  readonly #scope: string

  /** `dir` is where the volumes lie. Listens on a path, or on a port of 127.0.0.1 for 0. */
  constructor(o: { dir: string; implements?: readonly string[]; scope?: string }) {
    this.#dir = o.dir
    this.#implements = o.implements ?? ['VolumeDriver']
    this.#scope = o.scope ?? 'local'
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async listen(where: string | number): Promise<number> {
    if (typeof where === 'string') {
      mkdirSync(dirname(where), { recursive: true })
      rmSync(where, { force: true })
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      if (typeof where === 'string') this.#server.listen(where, resolve)
      else this.#server.listen(where, '127.0.0.1', resolve)
    })
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Names of the methods that were called, without the kind. */
  methods(): string[] {
    return this.calls.map((call) => call.split(' ')[0]!.replace('VolumeDriver.', ''))
  }

  path(name: string): string {
    return join(this.#dir, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const part of request) text += String(part)
    const method = (request.url ?? '').slice(1)
    this.calls.push(`${method} ${text}`)
    const fault = this.faults.get(method)
    if (fault) {
      response.writeHead(fault.status ?? 200)
      response.end(fault.body)
      return
    }
    const args = (text === '' ? {} : JSON.parse(text)) as Args
    response.setHeader('Content-Type', 'application/vnd.docker.plugins.v1.2+json')
    response.end(JSON.stringify(this.#answer(method, args)))
  }

  #answer(method: string, { Name = '', ID = '', Opts }: Args): object {
    const held = this.volumes.get(Name)
    const absent = { Err: `no volume ${Name} here` }
    switch (method) {
      case 'Plugin.Activate':
        return { Implements: this.#implements }
      case 'VolumeDriver.Capabilities':
        return { Capabilities: { Scope: this.#scope } }
      case 'VolumeDriver.Create':
        this.volumes.set(Name, { options: Opts ?? {}, mounts: new Set() })
        return { Err: '' }
      case 'VolumeDriver.Remove':
        return this.volumes.delete(Name) ? { Err: '' } : absent
      case 'VolumeDriver.Mount':
        if (!held) return absent
        held.mounts.add(ID)
        mkdirSync(this.path(Name), { recursive: true })
        return { Mountpoint: this.path(Name), Err: '' }
      case 'VolumeDriver.Unmount':
        held?.mounts.delete(ID)
        return held ? { Err: '' } : absent
      case 'VolumeDriver.Path':
        return held ? { Mountpoint: held.mounts.size > 0 ? this.path(Name) : '' } : absent
      case 'VolumeDriver.Get':
        return held ? { Volume: { ...this.#shown(Name), Status: { health: 'good' } } } : absent
      case 'VolumeDriver.List':
        return { Volumes: [...this.volumes.keys()].map((name) => this.#shown(name)) }
      default:
        return { Err: `unknown ${method}` }
    }
  }

  #shown(Name: string): object {
    const mounted = (this.volumes.get(Name)?.mounts.size ?? 0) > 0
    return {
      Name,
      Mountpoint: mounted ? this.path(Name) : '',
      CreatedAt: '2020-01-02T03:04:05Z',
    }
  }
}

interface Args {
  Name?: string
  ID?: string
  Opts?: Record<string, string> | null
}
