/** A web application on Node, as its users write it: `npm ci` in the build, from the registry. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { TestDaemon } from '../../lib/test-daemon.ts'
import {
  buildSample,
  makeDebian,
  makeNode,
  npmRegistry,
  pageOf,
  sampleDaemon,
  sampleOf,
  unreachable,
} from './samples-rig.ts'

suite(
  'a web application on Node',
  { skip: unreachable("npm's registry", `${npmRegistry()}express`) },
  () => {
    let daemon: TestDaemon
    let directory: string
    before(async () => {
      daemon = await sampleDaemon({ large: false })
      await makeDebian(daemon)
      await makeNode(daemon)
      directory = sampleOf(daemon, 'node')
    })
    after(() => daemon?.[Symbol.asyncDispose]())

    test('builds, runs, and answers on its published port', async () => {
      const { ran, cached } = await buildSample(daemon, directory, '-t', 'web')
      assert.deepEqual(cached, [])
      assert.deepEqual(ran, [
        'WORKDIR /usr/src/app',
        'COPY package*.json ./',
        'RUN npm ci --omit=dev',
        'COPY . .',
      ])
      assert.equal(await pageOf(daemon, 'web', { port: 8080 }), 'hello from express\n')
    })

    test('a second build is cached; another greeting costs no npm ci', async () => {
      const again = await buildSample(daemon, directory, '-t', 'web')
      assert.deepEqual(again.ran, [])
      assert.equal(again.cached.length, 4)
      const server = join(directory, 'server.js')
      writeFileSync(
        server,
        "require('http').createServer((q, r) => r.end('changed')).listen(8080)\n",
      )
      const changed = await buildSample(daemon, directory, '-t', 'web')
      assert.deepEqual(changed.ran, ['COPY . .'])
      assert.equal(await pageOf(daemon, 'web', { port: 8080 }), 'changed')
    })

    test('a change of what is installed runs npm ci again', async () => {
      const lock = join(directory, 'package.json')
      const text = '{"name":"sample-web","version":"1.0.1","dependencies":{"express":"4.21.2"}}\n'
      writeFileSync(lock, text)
      const { ran, cached } = await buildSample(daemon, directory, '-t', 'web')
      assert.deepEqual(cached, ['WORKDIR /usr/src/app'])
      assert.deepEqual(ran, ['COPY package*.json ./', 'RUN npm ci --omit=dev', 'COPY . .'])
    })
  },
)
