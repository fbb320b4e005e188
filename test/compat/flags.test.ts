/** Every verb takes the flags of the stock CLI's verb: same names, letters, and kinds of values. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { sections } from '../../packages/cli/command/tree.ts'
import { docker, fromSources } from './clients.ts'

const leaves = sections.flatMap(({ nodes }) =>
  Object.entries(nodes).flatMap(([name, node]) =>
    node.kind === 'leaf' ? [name] : Object.keys(node.commands).map((verb) => `${name} ${verb}`),
  ),
)

/** Flags of ours that docker does not have. */
const own: Readonly<Record<string, readonly string[]>> = {
  run: ['--dry-run'],
  'container run': ['--dry-run'],
  inspect: ['--as string'],
  'container inspect': ['--as string'],
}

/** Flags of docker's that are still to come. */
const missing: Readonly<Record<string, readonly string[]>> = {
  images: ['--tree'],
  'image ls': ['--tree'],
}

/** Verbs of ours. */
const ownVerbs: readonly string[] = ['completion']

function flagsOf(command: readonly [string, ...string[]], verb: string): string[] {
  const [program, ...before] = command
  const env = { ...process.env, DOCKER_HOST: 'unix:///nonexistent', COLUMNS: '200' }
  const { stdout } = spawnSync(program, [...before, ...verb.split(' '), '--help'], { env })
  return String(stdout)
    .split('\n')
    .flatMap((line) => {
      const [, flag] = /^ {2,6}((?:-\w, )?--[\w-]+(?: [\w-]+)?) {2,}/.exec(`${line}  `) ?? []
      return flag ? [flag] : []
    })
    .filter((flag) => !flag.endsWith('--help'))
    .sort()
}

describe('flags', { skip: docker.skip ?? false }, () => {
  for (const verb of leaves.filter((name) => !ownVerbs.includes(name.split(' ')[0] ?? '')))
    test(verb, () => {
      const ours = flagsOf(fromSources.command, verb).filter((flag) => !own[verb]?.includes(flag))
      const theirs = flagsOf(docker.command, verb).filter((flag) => !missing[verb]?.includes(flag))
      assert.deepEqual(ours, theirs)
    })
})
