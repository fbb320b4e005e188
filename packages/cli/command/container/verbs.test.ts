/** The short verbs: what is asked of the daemon, what is shown, and how it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import type { Answer } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const missing: Answer = { status: 404, body: { message: 'No such container: nope' } }

interface Case {
  readonly args: readonly string[]
  /** By request line. */
  readonly answers: Readonly<Record<string, Answer>>
  readonly stdin?: string
  readonly stdout?: string
  readonly stderr?: string
  readonly code?: number
}

async function check(name: string, c: Case): Promise<void> {
  const bodies: string[] = []
  await using daemon = await FakeDaemon.start(({ line, body }) => {
    bodies.push(body)
    return c.answers[decodeURIComponent(line)]
  })
  const { code, stdout, stderr } = await runCli(c.args, {
    host: daemon.host,
    ...(c.stdin === undefined ? {} : { stdin: c.stdin }),
  })
  assert.deepEqual([stdout, stderr, code], [c.stdout ?? '', c.stderr ?? '', c.code ?? 0], name)
  assert.deepEqual(daemon.lines.map(decodeURIComponent), Object.keys(c.answers), name)
}

const inspected: Answer = {
  body: {
    Id: 'x',
    NetworkSettings: {
      Ports: {
        '443/tcp': null,
        '80/tcp': [
          { HostIp: '0.0.0.0', HostPort: '10080' },
          { HostIp: '::', HostPort: '9080' },
        ],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
      },
    },
  },
}

const from = 'Error response from daemon: '

const cases: Readonly<Record<string, Case>> = {
  'pause: all are tried': {
    args: ['pause', 'a', 'nope', 'b'],
    answers: {
      'POST /containers/a/pause': { status: 204 },
      'POST /containers/nope/pause': missing,
      'POST /containers/b/pause': { status: 204 },
    },
    stdout: 'a\nb\n',
    stderr: `${from}No such container: nope\n`,
    code: 1,
  },
  unpause: {
    args: ['container', 'unpause', 'a'],
    answers: { 'POST /containers/a/unpause': { status: 204 } },
    stdout: 'a\n',
  },
  'port: all, in natural order': {
    args: ['port', 'web'],
    answers: { 'GET /containers/web/json': inspected },
    stdout: '53/udp -> 127.0.0.1:53\n80/tcp -> 0.0.0.0:10080\n80/tcp -> [::]:9080\n',
  },
  'port: one': {
    args: ['port', 'web', '80'],
    answers: { 'GET /containers/web/json': inspected },
    stdout: '0.0.0.0:10080\n[::]:9080\n',
  },
  'port: one that is not published': {
    args: ['port', 'web', '53/tcp'],
    answers: { 'GET /containers/web/json': inspected },
    stderr: "Error: No public port '53/tcp' published for web\n",
    code: 1,
  },
  'port: published while it runs': {
    args: ['port', 'add', 'web', '8080:80', '53:53/udp'],
    answers: { 'POST /containers/web/ports/add': { body: { Ports: {} } } },
    stdout: 'web\n',
  },
  'port: no longer published': {
    args: ['port', 'rm', 'web', '80'],
    answers: { 'POST /containers/web/ports/remove': { body: { Ports: {} } } },
    stdout: 'web\n',
  },
  'port: no number': {
    args: ['port', 'web', 'x'],
    answers: { 'GET /containers/web/json': inspected },
    stderr: 'Error: invalid port (x): strconv.ParseUint: parsing "x": invalid syntax\n',
    code: 1,
  },
  diff: {
    args: ['diff', 'a'],
    answers: {
      'GET /containers/a/changes': {
        body: [
          { Kind: 0, Path: '/etc' },
          { Kind: 1, Path: '/etc/new' },
          { Kind: 2, Path: '/bin/ls' },
        ],
      },
    },
    stdout: 'C /etc\nA /etc/new\nD /bin/ls\n',
  },
  commit: {
    args: [
      'commit',
      '-a',
      'me',
      '-m',
      'why',
      '-c',
      'ENV A=1',
      '-c',
      'USER x',
      '-p=false',
      'a',
      'r/b',
    ],
    answers: {
      'POST /commit?container=a&repo=docker.io/r/b&tag=latest&comment=why&author=me&changes=ENV A=1&changes=USER x&pause=0':
        { status: 201, body: { Id: 'sha256:1' } },
    },
    stdout: 'sha256:1\n',
  },
  'prune asks, and no means no': {
    args: ['container', 'prune', '--filter', 'label=x'],
    answers: {},
    stdin: 'n\n',
    stdout:
      'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ',
  },
  prune: {
    args: ['container', 'prune', '--filter', 'label=x', '--filter', 'until=24h'],
    answers: {
      'POST /containers/prune?filters={"label":{"x":true},"until":{"24h":true}}': {
        body: { ContainersDeleted: ['1', '2'], SpaceReclaimed: 1234567 },
      },
    },
    stdin: 'Y\n',
    stdout:
      'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ' +
      'Deleted Containers:\n1\n2\n\nTotal reclaimed space: 1.235MB\n',
  },
  'prune -f of nothing': {
    args: ['container', 'prune', '-f'],
    answers: { 'POST /containers/prune': { body: { ContainersDeleted: null, SpaceReclaimed: 5 } } },
    stdout: 'Total reclaimed space: 0B\n',
  },
  update: {
    args: ['update', '-m', '64m', '--cpus', '1.5', '--restart', 'on-failure:3', 'a', 'nope'],
    answers: {
      'POST /containers/a/update': { body: { Warnings: ['careful'] } },
      'POST /containers/nope/update': missing,
    },
    stdout: 'a\ncareful\n',
    stderr: `${from}No such container: nope\n`,
    code: 1,
  },
  'update of nothing': {
    args: ['update', 'a'],
    answers: {},
    stderr: 'you must provide one or more flags when using this command\n',
    code: 1,
  },
  export: {
    args: ['export', 'a'],
    answers: { 'GET /containers/a/export': { raw: 'tar bytes' } },
    stdout: 'tar bytes',
  },
  'export to a place that is not there': {
    args: ['export', '-o', '/no/such/file', 'a'],
    answers: {},
    stderr:
      'failed to export container: invalid output path: stat /no/such: no such file or directory\n',
    code: 1,
  },
  'an empty name is not the list': {
    args: ['pause', ''],
    answers: {},
    stderr: 'invalid container name or ID: value is empty\n',
    code: 1,
  },
}

for (const [name, c] of Object.entries(cases)) test(name, () => check(name, c))
