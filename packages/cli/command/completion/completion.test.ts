import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

let daemon: FakeDaemon
/** A directory with a `tdocker` in it. */
let bin: string

before(async () => {
  daemon = await FakeDaemon.start(({ line }) => {
    if (line.startsWith('GET /containers/json')) {
      const Image = 'busybox'
      return {
        body: [
          { Names: ['/web', '/other/alias'], Image, State: 'running', Status: 'Up 2 days' },
          { Names: ['/was'], Image, State: 'exited', Status: 'Exited (0)' },
          { Names: ['/frozen'], Image, State: 'paused', Status: 'Up (Paused)' },
        ],
      }
    }
    if (line.startsWith('GET /images/json')) {
      return { body: [{ RepoTags: ['busybox:latest', 'host:5000/x:1'] }, { RepoTags: [] }] }
    }
    if (line.startsWith('GET /networks')) return { body: [{ Name: 'bridge' }, { Name: 'mine' }] }
    if (line.startsWith('GET /volumes')) return { body: { Volumes: [{ Name: 'data' }] } }
    return undefined
  })
  bin = mkdtempSync(join(tmpdir(), 'tdocker-bin-'))
  const main = new URL('../../main.ts', import.meta.url).pathname
  const program = process.env['TDOCKER_CLI'] ?? `${process.execPath} -- ${main}`
  writeFileSync(join(bin, 'tdocker'), `#!/bin/sh\nexec ${program} "$@"\n`)
  chmodSync(join(bin, 'tdocker'), 0o755)
})
after(async () => {
  rmSync(bin, { recursive: true })
  await daemon[Symbol.asyncDispose]()
})

/** Words offered, and the directive. */
async function complete(...words: string[]): Promise<[words: string[], directive: number]> {
  const { stdout, stderr, code } = await runCli(['__completeNoDesc', ...words], {
    host: daemon.host,
  })
  assert.deepEqual([stderr, code], ['', 0])
  const lines = stdout.trimEnd().split('\n')
  return [lines.slice(0, -1), Number(lines.at(-1)?.slice(1))]
}

const cases: Array<[line: string, words: string[], directive?: number]> = [
  ['pa', ['pause']],
  ['container un', ['unpause']],
  ['completion ', ['bash', 'fish', 'zsh']],
  ['stop ', ['web', 'frozen']],
  ['start ', ['was']],
  ['unpause ', ['frozen']],
  ['pause ', ['web']],
  ['rm w', ['web', 'was']],
  ['rm -f web w', ['was']],
  ['container rm ', ['web', 'was', 'frozen']],
  ['run b', ['busybox:latest']],
  ['run --network ', ['bridge', 'mine']],
  ['run --network=m', ['--network=mine']],
  ['run --restart on', ['on-failure']],
  ['run --pid container:w', ['container:web']],
  ['run --pid c', ['container:'], 6],
  ['run -it --rm --name x -e A=1 host', ['host:5000/x:1']],
  ['run busybox ', [], 0],
  ['run --env-file ', [], 0],
  ['run --restar', ['--restart']],
  [
    'exec -',
    [
      '--detach',
      '--detach-keys',
      '--env',
      '--env-file',
      '--interactive',
      '--privileged',
      '--tty',
      '--user',
      '--workdir',
    ],
  ],
  ['volume rm d', ['data']],
  ['network connect ', ['bridge', 'mine']],
  ['network connect mine w', ['web', 'was']],
  ['inspect d', ['data']],
  ['inspect --type v', ['volume']],
  ['cp ', [], 0],
  ['nonsense ', []],
  ['--log-level ', ['debug', 'info', 'warn', 'error', 'fatal']],
  ['--log-level debug net', ['network']],
  ['kill --signal SIGUS', ['SIGUSR1', 'SIGUSR2']],
]

test('what a word may become', async () => {
  for (const [line, words, directive = 4] of cases) {
    assert.deepEqual(await complete(...line.split(' ')), [words, directive], line)
  }
})

test('descriptions stand behind a tab; no daemon means no names', async () => {
  const { stdout } = await runCli(['__complete', 'rm', 'we'], { host: daemon.host })
  assert.equal(stdout, 'web\tbusybox · Up 2 days\n:4\n')
  const alone = await runCli(['__complete', 'rm', ''], { host: 'unix:///nonexistent' })
  assert.deepEqual([alone.stdout, alone.stderr, alone.code], [':4\n', '', 0])
})

const environment = (): NodeJS.ProcessEnv => ({
  PATH: `${bin}:${process.env['PATH']}`,
  HOME: bin,
  DOCKER_HOST: daemon.host,
  TERM: 'dumb',
})

const has = (shell: string): boolean => !spawnSync(shell, ['-c', 'exit']).error

async function shell(program: string, script: string): Promise<string> {
  const child = spawn(program, ['-c', script], { env: environment() })
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return out + errors
}

test('bash: words with : and = are put together again', { skip: !has('bash') }, async () => {
  const lines: Array<[words: string[], line: string, replies: string]> = [
    [['tdocker', 'pau'], 'tdocker pau', 'pause'],
    [['tdocker', 'run', '--restart', '=', 'un'], 'tdocker run --restart=un', 'unless-stopped'],
    [['tdocker', 'run', 'busybox', ':', 'la'], 'tdocker run busybox:la', 'latest'],
    [['tdocker', 'run', 'host', ':', '5000/'], 'tdocker  run host:5000/', '5000/x:1'],
    [['tdocker', 'rm', ''], 'tdocker rm ', 'web was frozen'],
  ]
  const calls = lines.map(
    ([words, line]) => `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length - 1} COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}
      _tdocker 2>/dev/null; echo "\${COMPREPLY[*]}"`,
  )
  const out = await shell('bash', `source <(tdocker completion bash)\n${calls.join('\n')}`)
  assert.equal(out, `${lines.map(([, , replies]) => replies).join('\n')}\n`)
})

test('bash: a real one, by the tab key', { skip: !has('bash') || !has('python3') }, async () => {
  const script = new URL('../../testing/type-at.py', import.meta.url).pathname
  // In two parts, so that the echo of this line is not taken for the prompt.
  const start = `source <(tdocker completion bash); bind "set bell-style none"; PS1=REA''DY`
  const child = spawn('python3', [script, 'bash', '--norc', '--noprofile', '-i'], {
    env: environment(),
  })
  child.stdin.end(
    JSON.stringify([
      ['', `${start}\n`],
      ['READY', 'echo tdocker unpau\t'],
      ['unpau', '\x15tdocker unpau\t'],
      ['tdocker unpause ', 'f\t'],
      ['frozen ', '\x15exit\n'],
    ]),
  )
  assert.match(await text(child.stdout), /tdocker unpause frozen /)
})

test('fish', { skip: !has('fish') }, async () => {
  const out = await shell(
    'fish',
    'tdocker completion fish | source; complete -C "tdocker pau"; complete -C "tdocker rm w"',
  )
  assert.equal(
    out,
    'pause\tFreeze all processes of containers\n' +
      'was\tbusybox · Exited (0)\nweb\tbusybox · Up 2 days\n',
  )
})

test('zsh', { skip: !has('zsh') }, async () => {
  const out = await shell(
    'zsh',
    `compdef() { }; _describe() { print -rl -- "\${(@P)3}" }; _files() { print files }
     source <(tdocker completion zsh); words=(tdocker rm w); CURRENT=3; _tdocker
     words=(tdocker run bu); _tdocker; words=(tdocker cp x); _tdocker`,
  )
  assert.equal(out, 'web:busybox · Up 2 days\nwas:busybox · Exited (0)\nbusybox\\:latest\nfiles\n')
})
