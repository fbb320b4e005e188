/** The process: its command, user, environment, standard streams. */
import { readlinkSync } from 'node:fs'
import { until } from '../../lib/test-daemon.ts'
import {
  type Case,
  config,
  failsToStart,
  type Field,
  host,
  refused,
  runtimeSays,
} from '../field.ts'
import type { Seen } from '../seen.ts'

const fd = (seen: Seen, number: number): string => readlinkSync(`/proc/${seen.pid}/fd/${number}`)

/** uid, gid and all groups of a running process. */
const identity = (seen: Seen): string[] => [
  seen.status('Uid').split('\t')[1] ?? '',
  seen.status('Gid').split('\t')[1] ?? '',
  seen.status('Groups'),
]

const user = (set: string, ...expect: [uid: string, gid: string, groups: string]): Case => ({
  set,
  see: identity,
  expect,
})

const outOfRange = 'uids and gids must be in range 0-2147483647'
const noUser = (name: string): string =>
  `unable to find user ${name}: no matching entries in passwd file`
const noGroup = (name: string): string =>
  `unable to find group ${name}: no matching entries in group file`

const recorded = (what: string): Case => ({ what, set: true })

export const processFields: readonly Field[] = [
  config(
    'Cmd',
    [
      { set: ['sleep', '1000'], see: (x) => x.arguments(), expect: ['sleep', '1000'] },
      {
        what: 'found in PATH, with arguments of every kind',
        set: ['sh', '-c', 'sleep 1000; :', '', 'ü x', '$HOME'],
        see: (x) => x.arguments(),
        expect: ['sh', '-c', 'sleep 1000; :', '', 'ü x', '$HOME'],
      },
      { what: 'empty: the image’s', set: [], shown: ['sh'], unstarted: true },
    ],
    [
      refused(7, /cannot unmarshal number/),
      {
        what: 'a program that is not there',
        set: ['nope'],
        at: 'start',
        status: 400,
        says: runtimeSays(
          'unable to start container process: error during container init: exec: "nope": executable file not found in $PATH',
        ),
      },
    ],
  ),
  config(
    'Entrypoint',
    [
      {
        set: ['sleep'],
        config: { Cmd: ['1000'] },
        see: (x) => x.arguments(),
        expect: ['sleep', '1000'],
      },
      { what: 'one empty word: none', set: [''], shown: null },
    ],
    [refused([''], 'no command specified', { config: { Cmd: [] } })],
  ),
  config('ArgsEscaped', [recorded('kept, of Windows only')]),
  config('Shell', [{ what: 'kept, for builds', set: ['/bin/sh', '-c'] }]),
  config('OnBuild', [{ what: 'kept, for builds', set: ['RUN true'] }]),
  config(
    'Env',
    [
      {
        set: ['A=1', 'B=x y', 'E=', 'K=a=b'],
        see: (x) => x.environment().filter((one) => /^[ABEK]=/.test(one)),
        expect: ['A=1', 'B=x y', 'E=', 'K=a=b'],
      },
      {
        what: 'Docker’s own: PATH, HOSTNAME, HOME',
        set: [],
        shown: null,
        config: { Hostname: 'h' },
        see: (x) => x.environment(),
        expect: [
          'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          'HOSTNAME=h',
          'HOME=/root',
        ],
      },
      {
        what: 'the user’s win over Docker’s',
        set: ['PATH=/bin', 'HOME=/x'],
        see: (x) => [x.variable('PATH'), x.variable('HOME')],
        expect: ['/bin', '/x'],
      },
      {
        what: 'a name alone removes',
        set: ['HOSTNAME'],
        see: (x) => x.variable('HOSTNAME'),
        expect: undefined,
      },
      {
        what: 'the last of one name',
        set: ['A=1', 'A=2'],
        see: (x) => x.environment().filter((one) => one.startsWith('A=')),
        expect: ['A=2'],
      },
      {
        what: 'TERM with a terminal',
        set: [],
        shown: null,
        config: { Tty: true },
        see: (x) => x.variable('TERM'),
        expect: 'xterm',
      },
      {
        what: 'HOME of the user',
        set: [],
        shown: null,
        config: { User: 'daemon' },
        see: (x) => x.variable('HOME'),
        expect: '/usr/sbin',
      },
    ],
    [
      refused(['=x'], 'invalid environment variable: =x'),
      refused([''], 'invalid environment variable: '),
      refused('A=1', /cannot unmarshal string .* of type \[\]string$/),
    ],
  ),
  config(
    'User',
    [
      user('', '0', '0', '0'),
      user('root', '0', '0', '0'),
      user('daemon', '1', '1', '1 50'),
      user('1', '1', '1', '1 50'),
      user('0001', '1', '1', '1 50'),
      user('daemon:', '1', '1', '1 50'),
      user('1:1', '1', '1', '1'),
      user('daemon:staff', '1', '50', '50'),
      user('1:50', '1', '50', '50'),
      user('nobody:12345', '65534', '12345', '12345'),
      user('4242', '4242', '0', '0'),
      user('4242:4343', '4242', '4343', '4343'),
      user(':50', '0', '50', '50'),
      user('2147483647:2147483647', '2147483647', '2147483647', '2147483647'),
    ],
    [
      failsToStart('nope', noUser('nope')),
      failsToStart('0x1', noUser('0x1')),
      failsToStart('root:nope', noGroup('nope')),
      failsToStart('-1', outOfRange),
      failsToStart('2147483648', outOfRange),
      failsToStart('4294967295', outOfRange),
      failsToStart('99999999999', outOfRange),
      failsToStart('0:4294967296', outOfRange),
    ],
  ),
  host(
    'GroupAdd',
    [
      { set: ['27', 'staff'], see: identity, expect: ['0', '0', '0 27 50'] },
      {
        set: ['27'],
        config: { User: 'daemon' },
        see: identity,
        expect: ['1', '1', '1 27 50'],
      },
    ],
    [failsToStart(['nope'], noGroup('nope')), failsToStart(['-1'], outOfRange)],
  ),
  config(
    'WorkingDir',
    [
      {
        what: 'made when missing',
        set: '/made/up',
        see: (x) => readlinkSync(`/proc/${x.pid}/cwd`),
        expect: '/made/up',
      },
      {
        set: '/a/../tmp/',
        shown: '/tmp',
        see: (x) => readlinkSync(`/proc/${x.pid}/cwd`),
        expect: '/tmp',
      },
      { set: '', see: (x) => readlinkSync(`/proc/${x.pid}/cwd`), expect: '/' },
    ],
    [
      refused('a', "the working directory 'a' is invalid, it needs to be an absolute path"),
      {
        what: 'the way out through a descriptor',
        set: '/proc/self/fd/3',
        at: 'start',
        status: 500,
        says: /chdir to cwd \("\/proc\/self\/fd\/3"\) set in config.json failed: /,
      },
    ],
  ),
  config('Tty', [
    {
      set: true,
      see: (x) => [0, 1, 2].map((number) => fd(x, number)),
      expect: ['/dev/pts/0', '/dev/pts/0', '/dev/pts/0'],
    },
    { set: false, see: (x) => fd(x, 1).replace(/\d+/, 'N'), expect: 'pipe:[N]' },
  ]),
  host('ConsoleSize', [
    {
      set: [30, 100],
      config: { Tty: true, Cmd: ['sh', '-c', 'stty size; sleep 1000'] },
      see: async (x) => {
        const text = async (): Promise<string> =>
          (await x.daemon.api.get(`/containers/${x.inspect.Id}/logs?stdout=1`)).text
        await until('the size', async () => (await text()) !== '')
        return (await text()).trim()
      },
      expect: '30 100',
    },
    { what: 'not said', set: null, shown: [0, 0] },
  ]),
  config('OpenStdin', [
    { set: true, see: (x) => fd(x, 0).replace(/\d+/, 'N'), expect: 'pipe:[N]' },
    { set: false, see: (x) => fd(x, 0), expect: '/dev/null' },
  ]),
  config('StdinOnce', [
    {
      what: 'true: the first client’s end is the end of the input',
      set: true,
      config: { OpenStdin: true, Cmd: ['sh', '-c', 'cat; echo ended; sleep 1000'] },
      see: (x) => afterInput(x, 'hi\nended\n'),
      expect: 'hi\nended\n',
    },
    {
      what: 'false: it stays open',
      set: false,
      config: { OpenStdin: true, Cmd: ['sh', '-c', 'cat; echo ended; sleep 1000'] },
      see: (x) => afterInput(x, 'hi\n'),
      expect: 'hi\n',
    },
  ]),
  config('AttachStdin', [recorded('kept: what the client means to attach')]),
  config('AttachStdout', [recorded('kept: what the client means to attach')]),
  config('AttachStderr', [recorded('kept: what the client means to attach')]),
  host(
    'OomScoreAdj',
    [
      { set: 500, see: (x) => x.proc('oom_score_adj').trim(), expect: '500' },
      { set: 0, see: (x) => x.proc('oom_score_adj').trim(), expect: '0' },
    ],
    [
      refused(1001, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'),
      refused(-1001, 'Invalid value -1001, range for oom score adj is [-1000, 1000]'),
    ],
  ),
  host(
    'Ulimits',
    [
      {
        set: [
          { Name: 'nofile', Soft: 100, Hard: 200 },
          { Name: 'core', Soft: 0, Hard: 0 },
          { Name: 'stack', Soft: 1048576, Hard: 2097152 },
        ],
        see: (x) =>
          ['Max open files', 'Max core file size', 'Max stack size'].map((name) => x.limit(name)),
        expect: [
          ['100', '200'],
          ['0', '0'],
          ['1048576', '2097152'],
        ],
      },
    ],
    [
      failsToStart(
        [{ Name: 'foo', Soft: 1, Hard: 1 }],
        runtimeSays('wrong rlimit value: RLIMIT_FOO'),
      ),
      failsToStart(
        [{ Name: 'nofile', Soft: 20, Hard: 10 }],
        runtimeSays(
          'unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: invalid argument',
        ),
      ),
    ],
  ),
  host('Init', [
    { set: true, see: (x) => x.arguments(), expect: ['/sbin/docker-init', '--', 'sleep', '1000'] },
    { set: false, see: (x) => x.arguments(), expect: ['sleep', '1000'] },
    {
      what: 'not said: the daemon’s default',
      set: null,
      shown: undefined,
      see: (x) => x.arguments()[0],
      expect: 'sleep',
    },
  ]),
]

/** Sends a line as the only client, goes away, and waits for what the container makes of it. */
async function afterInput(x: Seen, wanted: string): Promise<string> {
  const { socket } = await x.daemon.api.upgrade(
    `/containers/${x.inspect.Id}/attach?stream=1&stdin=1`,
  )
  socket.end('hi\n')
  await until('the answer', async () => (await x.daemon.logs(x.inspect.Id)).length >= wanted.length)
  socket.destroy()
  return x.daemon.logs(x.inspect.Id)
}
