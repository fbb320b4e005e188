/** A client that does not read: the command waits, and the daemon's memory stays what it was. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { contextOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

function memory(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

async function containers(): Promise<number> {
  return (await daemon.api.get<unknown[]>('/containers/json?all=1')).body.length
}

test('half a gigabyte of output waits for its reader', async () => {
  const Dockerfile =
    'FROM busybox\nRUN yes 0123456789012345678901234567890123456789 | head -c 500000000\n'
  const body = await contextOf({ Dockerfile })
  const request = http.request({
    ...{ socketPath: daemon.socket, method: 'POST', path: '/build' },
    headers: { 'Content-Type': 'application/x-tar', 'Content-Length': body.length },
  })
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
  })
  request.end(body)
  const response = await answered
  await until('the step', async () => (await containers()) === 1)
  const before = memory()
  // Long enough for all of it to come, were it taken.
  for (let look = 0; look < 20; look++) {
    await delay(100)
    assert.ok(memory() - before < 100, `grew by ${Math.round(memory() - before)} MiB`)
  }
  assert.equal(await containers(), 1, 'it still runs')
  let size = 0
  for await (const chunk of response.setTimeout(30_000) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > 20_000_000) break
  }
  await until('its end with its client', async () => (await containers()) === 0)
  assert.ok(size > 20_000_000)
})
