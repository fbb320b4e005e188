/** Three services on two networks, by their names: what most compose files are made of. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CommandResult, TestDaemon } from '../lib/test-daemon.ts'
import { composers } from './composers.ts'

const file = `
version: '2.4'
services:
  web:
    image: busybox
    command: [sh, -c, 'mkdir /www; wget -q -O /www/index.html http://cache:8080/ && exec httpd -f -p 80 -h /www']
    ports: ['80']
    networks: [front, back]
    depends_on:
      cache: { condition: service_healthy }
      db: { condition: service_healthy }
  cache:
    image: busybox
    command: [sh, -c, 'mkdir /www; wget -q -O - http://store.internal:5432/ | sed s/row/cached/ >/www/index.html && exec httpd -f -p 8080 -h /www']
    networks: [back]
    depends_on: { db: { condition: service_healthy } }
    healthcheck: &health
      test: [CMD-SHELL, 'wget -q -O /dev/null http://127.0.0.1:8080/']
      interval: 200ms
      timeout: 20s
      retries: 200
  db:
    image: busybox
    command: [sh, -c, 'echo $$(hostname) >>/data/starts; echo row >/data/index.html; exec httpd -f -p 5432 -h /data']
    volumes: ['rows:/data']
    networks:
      back: { aliases: [store.internal], ipv4_address: 10.123.45.10 }
    healthcheck:
      <<: *health
      test: [CMD-SHELL, 'wget -q -O /dev/null http://127.0.0.1:5432/']
  guest:
    image: busybox
    command: [sleep, '1000']
    networks: [front]
    stop_grace_period: 1s
networks:
  front: {}
  back:
    internal: true
    ipam: { config: [{ subnet: 10.123.45.0/24 }] }
volumes:
  rows: {}
`

for (const composer of composers)
  suite(composer.name, { skip: composer.skip }, () => {
    let daemon: TestDaemon
    before(async () => {
      daemon = await TestDaemon.start()
      mkdirSync(join(daemon.directory, 'three'))
      writeFileSync(join(daemon.directory, 'three/compose.yml'), file)
    })
    after(() => daemon?.[Symbol.asyncDispose]())

    const compose = (...args: string[]): Promise<CommandResult> => {
      const env = Object.entries(composer.env ?? {}).map(([key, value]) => `${key}=${value}`)
      const of = ['-f', join(daemon.directory, 'three/compose.yml')]
      const limit = ['-s', 'KILL', '120']
      return daemon.command('timeout', [
        ...limit,
        'env',
        ...env,
        ...composer.command,
        ...of,
        ...args,
      ])
    }
    const does = async (...args: string[]): Promise<string> => {
      const result = await compose(...args)
      assert.equal(result.status, 0, `${args.join(' ')}:\n${result.stdout}${result.stderr}`)
      return result.stdout
    }
    const inside = (service: string, script: string): Promise<string> =>
      does('exec', '-T', service, 'sh', '-c', script)

    test('up: each waits for the one whose name it asks', async () => {
      await does('up', '-d')
      const address = (await does('port', 'web', '80')).trim()
      const page = await fetch(`http://${address.replace('0.0.0.0', '127.0.0.1')}/`)
      assert.equal(await page.text(), 'cached\n')
    })

    test('names, aliases and addresses are those of the networks a service is on', async () => {
      assert.match(await inside('web', 'ping -c 1 -W 20 db'), /^PING db \(10\.123\.45\.10\)/)
      assert.match(await inside('cache', 'nslookup store.internal'), /10\.123\.45\.10/)
      assert.equal(
        await inside('guest', 'ping -c 1 -W 20 web >/dev/null && echo reached'),
        'reached\n',
      )
      assert.equal(await inside('guest', 'nslookup db >/dev/null || echo unknown'), 'unknown\n')
      const direct = 'ping -c 1 -W 1 10.123.45.10 >/dev/null || echo closed'
      assert.equal(await inside('guest', direct), 'closed\n')
      assert.equal(await inside('cache', 'ip route | grep ^default || echo none'), 'none\n')
    })

    test('two of one service answer to its name', async () => {
      await does('up', '-d', '--scale', 'guest=2')
      const found = (await inside('web', 'nslookup guest')).match(
        /^Address.*\b\d+\.\d+\.\d+\.\d+$/gm,
      )
      assert.equal(found?.length, 2, String(found))
    })

    test('down and up again: the rows are there, the networks are new', async () => {
      const networks = async (): Promise<string[]> => {
        const { body } = await daemon.api.get<Array<{ Name: string }>>('/networks')
        return body
          .map(({ Name }) => Name)
          .filter((name) => name.startsWith('three_'))
          .toSorted()
      }
      assert.deepEqual(await networks(), ['three_back', 'three_front'])
      await does('down', '-t', '1')
      assert.deepEqual(await networks(), [])
      await does('up', '-d')
      assert.equal((await inside('db', 'cat /data/starts')).trim().split('\n').length, 2)
      await does('down', '-v', '-t', '1')
      const { body } = await daemon.api.get<{ Volumes: unknown[] | null }>('/volumes')
      assert.deepEqual([await networks(), body.Volumes ?? []], [[], []])
    })
  })
