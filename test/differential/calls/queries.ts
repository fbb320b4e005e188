/** The verbs' queries and bodies, good and bad, and containers that lean on others. */
import {
  attempt,
  type Call,
  create,
  del,
  get,
  type Group,
  post,
  put,
  remove,
  start,
  wait,
} from '../call.ts'

const none = { HostConfig: { NetworkMode: 'none' } }
const sleeper = { Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL', ...none }
const TAR = { 'Content-Type': 'application/x-tar' }

/** Created, run with its output, and looked at. */
function exec(what: string, body: object, startBody: object = {}): readonly Call[] {
  const id = `x${what.replaceAll(/\W/g, '')}`
  return [
    post(
      `create ${what}`,
      '/containers/eo/exec',
      { AttachStdout: true, AttachStderr: true, ...body },
      { save: { [id]: 'Id' } },
    ),
    post(`run ${what}`, `/exec/{${id}}/start`, startBody),
    get(`after ${what}`, `/exec/{${id}}/json`, undefined, { until: /"Running":false/ }),
  ]
}

/** Each signal to a process that ignores what can be ignored. */
const SIGNALS = [
  'HUP',
  'SIGHUP',
  'sighup',
  '1',
  '0',
  '-1',
  '65',
  '999',
  'SIGRTMIN',
  'SIGRTMIN+3',
  'RTMAX-2',
  'SIGNOPE',
  'CLD',
  'SIGPOLL',
  '',
  '1.5',
  'x',
]

export const queries: readonly Group[] = [
  {
    name: 'exec with output',
    calls: [
      create('eo', { ...sleeper, Env: ['OUTER=1'], WorkingDir: '/tmp', User: '7:8' }),
      start('eo'),
      ...exec('stdout', { Cmd: ['echo', 'hello'] }),
      ...exec('stderr', { Cmd: ['sh', '-c', 'echo hello >&2'] }),
      ...exec('stdout only', { Cmd: ['sh', '-c', 'echo out; echo err >&2'], AttachStderr: false }),
      ...exec(
        'terminal',
        { Cmd: ['sh', '-c', 'echo hello; tty; stty size'], Tty: true },
        { Tty: true },
      ),
      ...exec(
        'terminal of a size',
        { Cmd: ['stty', 'size'], Tty: true },
        { Tty: true, ConsoleSize: [11, 22] },
      ),
      ...exec('environment', {
        Cmd: ['sh', '-c', 'env | grep -v HOSTNAME | sort'],
        Env: ['A=1', 'OUTER=2', 'B'],
      }),
      ...exec('identity', { Cmd: ['id'] }),
      ...exec('other identity', { Cmd: ['id'], User: '5' }),
      ...exec('root', { Cmd: ['id', '-u'], User: 'root' }),
      ...exec('directory', { Cmd: ['pwd'], WorkingDir: '/etc' }),
      ...exec('own directory', { Cmd: ['pwd'] }),
      ...exec('code', { Cmd: ['sh', '-c', 'exit 42'] }),
      ...exec('signal', { Cmd: ['sh', '-c', 'kill -9 $$'] }),
      ...exec('capabilities', { Cmd: ['grep', 'Cap', '/proc/self/status'] }),
      ...exec('privileged', { Cmd: ['grep', 'CapBnd', '/proc/self/status'], Privileged: true }),
      ...exec('no new privileges', {
        Cmd: ['grep', '-E', 'NoNewPrivs|Seccomp:', '/proc/self/status'],
      }),
      post('start of nobody', '/exec/nope/start', { Detach: true }),
      post('create without body', '/containers/eo/exec', {}),
      remove('eo'),
    ],
  },
  {
    name: 'signals',
    calls: [
      create('sg', {
        Cmd: ['sh', '-c', 'trap "" HUP USR1; while :; do sleep 100; done'],
        StopSignal: 'SIGKILL',
        ...none,
      }),
      start('sg'),
      ...SIGNALS.filter(
        (signal) =>
          ![
            '',
            '1',
            'HUP',
            'SIGHUP',
            'sighup',
            '0',
            'SIGRTMIN',
            'SIGRTMIN+3',
            'RTMAX-2',
            'CLD',
            'SIGPOLL',
          ].includes(signal),
      ).map((signal) =>
        post(`signal ${signal}`, `/containers/sg/kill?signal=${encodeURIComponent(signal)}`),
      ),
      ...['stop?t=x', 'stop?signal=NOPE', 'restart?t=x', 'restart?signal=NOPE', 'stop?t=1.5'].map(
        (text) => post(text, `/containers/sg/${text}`),
      ),
      post('pause', '/containers/sg/pause'),
      post('kill a paused one', '/containers/sg/kill'),
      wait('sg'),
      get('killed while paused', '/containers/sg/json'),
      post('start again', '/containers/sg/start?detachKeys=ctrl-a'),
      post('start with bad keys', '/containers/sg/start?detachKeys=nope'),
      post('start from a checkpoint', '/containers/sg/start?checkpoint=x'),
      post('start with a body', '/containers/sg/start', { Binds: ['/tmp:/x'] }),
      post('kill', '/containers/sg/kill?signal='),
      ...SIGNALS.map((signal) =>
        post(`dead: ${signal}`, `/containers/sg/kill?signal=${encodeURIComponent(signal)}`),
      ),
      remove('sg'),
    ],
  },
  {
    name: 'names',
    calls: [
      create('nm-one', { ...sleeper }),
      { ...attempt('nm-one', sleeper, { save: {} }), name: 'create taken' },
      { ...attempt('/nm-slash', sleeper, { save: {} }), name: 'create with slash' },
      { ...attempt('nm/slash', sleeper, { save: {} }), name: 'create with inner slash' },
      { ...attempt('x', sleeper, { save: {} }), name: 'create of one letter' },
      { ...attempt('-x', sleeper, { save: {} }), name: 'create with a dash' },
      { ...attempt('x'.repeat(300), sleeper, { save: {} }), name: 'create long' },
      { ...attempt('nm-arm&platform=linux/arm64', sleeper, { save: {} }), name: 'other platform' },
      {
        ...attempt('nm-nope&platform=nope/x/y/z', sleeper, { save: {} }),
        name: 'nonsense platform',
      },
      create('nm-two', { ...sleeper }),
      post('rename to a taken one', '/containers/nm-two/rename?name=nm-one'),
      post('rename to an id', '/containers/nm-two/rename?name=0123456789ab'),
      get('by that', '/containers/0123456789ab/json', undefined, { statusOnly: true }),
      post('rename back', '/containers/0123456789ab/rename?name=/nm-two'),
      get('inspect with slash', '/containers//nm-two/json', undefined, { statusOnly: true }),
      get('inspect escaped', '/containers/%2Fnm-two/json', undefined, { statusOnly: true }),
      del('remove a link', '/containers/nm-two?link=1'),
      remove('nm-one'),
      remove('nm-two'),
      { ...remove('nm-slash'), name: 'remove slash' },
      { ...remove('x'.repeat(300)), name: 'remove long' },
      del('remove nothing by force', '/containers/nope?force=1'),
    ],
  },
  {
    name: 'joined',
    calls: [
      create('jn', {
        Cmd: ['sleep', '1000'],
        StopSignal: 'SIGKILL',
        Volumes: { '/data': {} },
        HostConfig: { IpcMode: 'shareable' },
      }),
      ...(['NetworkMode', 'PidMode', 'IpcMode'] as const).flatMap((mode) => {
        const name = `j-${mode.toLowerCase()}`
        return [
          create(name, {
            Cmd: ['true'],
            HostConfig: { NetworkMode: 'none', [mode]: 'container:jn' },
          }),
          post(`start ${mode} too early`, `/containers/${name}/start`),
          get(`inspect ${mode} too early`, `/containers/${name}/json`),
        ]
      }),
      start('jn'),
      ...(['networkmode', 'pidmode', 'ipcmode'] as const).flatMap((mode) => [
        start(`j-${mode}`),
        wait(`j-${mode}`),
        get(`inspect ${mode}`, `/containers/j-${mode}/json`),
        remove(`j-${mode}`),
      ]),
      create('j-volumes', {
        Cmd: ['true'],
        HostConfig: { NetworkMode: 'none', VolumesFrom: ['jn:ro'] },
      }),
      start('j-volumes'),
      wait('j-volumes'),
      get('inspect volumes', '/containers/j-volumes/json'),
      remove('j-volumes'),
      ...[
        { Hostname: 'x', HostConfig: { NetworkMode: 'container:jn' } },
        { ExposedPorts: { '80/tcp': {} }, HostConfig: { NetworkMode: 'container:jn' } },
        { HostConfig: { NetworkMode: 'container:jn', PublishAllPorts: true } },
        { HostConfig: { NetworkMode: 'container:jn', Dns: ['1.1.1.1'] } },
        { HostConfig: { NetworkMode: 'container:jn', ExtraHosts: ['a:1.2.3.4'] } },
        { HostConfig: { NetworkMode: 'container:jn', Links: ['jn:x'] } },
        { MacAddress: '02:42:ac:11:00:99', HostConfig: { NetworkMode: 'container:jn' } },
        { HostConfig: { NetworkMode: 'container:' } },
        { HostConfig: { NetworkMode: 'none', PidMode: 'container:' } },
        { HostConfig: { NetworkMode: 'none', IpcMode: 'container:' } },
        { HostConfig: { NetworkMode: 'none', Privileged: true, UsernsMode: 'host' } },
      ].flatMap((body, index) => [
        attempt(`j-bad${index}`, { Cmd: ['true'], ...body }, { save: {} }),
        remove(`j-bad${index}`),
      ]),
      remove('jn'),
    ],
  },
  {
    name: 'archives in',
    calls: [
      create('ai', { Cmd: ['sh', '-c', 'mkdir /d /d/sub; echo x > /f; ln -s /d /link'], ...none }),
      start('ai'),
      wait('ai'),
      ...['/d', '/d/', '/link', '/f', '/nope', '', 'd', '/d/sub', '/proc', '/dev/null'].flatMap(
        (path) =>
          ['', '&noOverwriteDirNonDir=1', '&copyUIDGID=1'].map((more) =>
            put(
              `empty to ${path}${more}`,
              `/containers/ai/archive?path=${path}${more}`,
              undefined,
              { raw: '\0'.repeat(1024), headers: TAR },
            ),
          ),
      ),
      get('changes', '/containers/ai/changes'),
      remove('ai'),
    ],
  },
  {
    name: 'waits and attaches',
    calls: [
      create('wa', { Cmd: ['sh', '-c', 'echo hi; exit 5'], ...none }),
      post('wait before', '/containers/wa/wait'),
      post('attach created', '/containers/wa/attach?logs=1&stdout=1'),
      post('attach nothing', '/containers/wa/attach'),
      post('attach with bad keys', '/containers/wa/attach?stream=1&detachKeys=nope'),
      start('wa'),
      wait('wa'),
      post('wait after', '/containers/wa/wait?condition=not-running'),
      post('attach ended', '/containers/wa/attach?logs=1&stdout=1&stderr=1'),
      get('attach by a socket', '/containers/wa/attach/ws', undefined, { statusOnly: true }),
      remove('wa'),
      post('wait after removal', '/containers/wa/wait?condition=removed'),
      create('au', { Cmd: ['true'], HostConfig: { NetworkMode: 'none', AutoRemove: true } }),
      start('au'),
      get('gone', '/containers/au/json', undefined, { until: /No such container/ }),
    ],
  },
]
