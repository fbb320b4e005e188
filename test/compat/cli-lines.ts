/** Users' lines, run by several clients, the stock docker CLI first: same output, same exit code. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type CommandResult, TestDaemon, until } from '../lib/test-daemon.ts'
import { type Client, docker, removeContainers, removeEverything, runLines } from './clients.ts'
import type { Line } from './line.ts'
import { lines } from './lines.ts'

let daemon: TestDaemon
/** Host directory the lines may mount, as $HOST. */
let host: string

before(async () => {
  daemon = await TestDaemon.start()
  host = join(daemon.directory, 'host')
  mkdirSync(host)
  writeFileSync(join(host, 'file'), 'from the host\n')
  writeFileSync(join(host, 'env'), '# comment\nA=1\nB=two words\nHOME_OF_TEST\n')
})
after(() => daemon[Symbol.asyncDispose]())

/** Output of the stock CLI by line, to compare the others with. */
const stock = new Map<Line, CommandResult>()

/** Declares the tests of each client in turn. */
export function testLines(clients: readonly Client[]): void {
  for (const client of clients)
    describe(client.name, { skip: client.skip }, () => {
      for (const line of lines)
        test(line.name, async () => {
          const result = normal(await runLine(client, line))
          const told = `${result.stdout}\n--- stderr\n${result.stderr}`
          assert.equal(result.status, line.status ?? 0, told)
          if (typeof line.stdout === 'string') assert.equal(result.stdout, line.stdout, told)
          else if (line.stdout) assert.match(result.stdout, line.stdout, told)
          if (line.stderr) assert.match(result.stderr, line.stderr)
          if (client === docker) stock.set(line, result)
          const expected = stock.get(line)
          if (!expected) return
          assert.equal(result.stdout, expected.stdout)
          if (line.sameErrors !== false) assert.equal(result.stderr, expected.stderr)
        })

      test('-p: the host reaches the container by 127.0.0.1', async () => {
        const port = await freePort()
        const started = await runLines(
          daemon,
          client,
          `docker run -d --name web -p ${port}:80 busybox sh -c 'echo hello > /tmp/index.html; exec httpd -f -h /tmp'
         docker port web 2>/dev/null; docker ps --format '{{.Ports}}'`,
        )
        assert.match(started.stdout, new RegExp(`0\\.0\\.0\\.0:${port}->80/tcp`))
        let text = ''
        await until('the web server', async () => {
          text = await fetch(`http://127.0.0.1:${port}/`).then(
            (answer) => answer.text(),
            () => '',
          )
          return text !== ''
        })
        assert.equal(text, 'hello\n')
        await removeContainers(daemon)
        await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
      })

      test('a megabyte in by stdin comes out, and the half-close ends cat', async () => {
        const input = `${'0123456789abcde\n'.repeat(65536)}last line without end`
        const result = await runLines(daemon, client, 'docker run -i --rm busybox cat', input)
        assert.equal(result.status, 0, result.stderr)
        assert.equal(result.stdout.length, input.length)
        assert.ok(result.stdout === input)
      })
    })
}

async function runLine(client: Client, line: Line): Promise<CommandResult> {
  try {
    return await runLines(
      daemon,
      client,
      `HOST=${host}; HOME_OF_TEST=here; export HOME_OF_TEST\n${line.run}`,
      line.input,
    )
  } finally {
    await removeEverything(daemon)
  }
}

/** Without what differs from run to run: ids, times, durations; and with one name for the program. */
function normal({ status, stdout, stderr }: CommandResult): CommandResult {
  const clean = (text: string): string =>
    text
      // The stock CLI logs what becomes of a copy it gave up itself.
      .replace(/^time=".*" level=error msg="Can't .*\n/gm, '')
      .replace(/\b[0-9a-f]{64}\b/g, '<id>')
      .replace(/\b[0-9a-f]{12}\b/g, '<short>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '<time>')
      .replace(/(Less than a|About a|\d+) (seconds?|minutes?)( ago)?/g, '<duration>$3')
      .replace(/ {2,}/g, '  ')
  return { status, stdout: clean(stdout), stderr: clean(stderr).replace(/\btdocker\b/g, 'docker') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
