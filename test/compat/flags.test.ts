/** Every verb takes the flags of the stock CLI's verb: same names, letters, and kinds of values. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { sections } from '../../packages/cli/command/tree.ts'
import type { Leaf } from '../../packages/cli/command/tree/node.ts'
import { FlagSet } from '../../packages/cli/flag/flag-set.ts'
import { flagUsages } from '../../packages/cli/flag/usage.ts'
import { docker } from './clients.ts'

const leaves = new Map<string, Leaf>(
  sections.flatMap(({ nodes }) =>
    Object.entries(nodes).flatMap(([name, node]): Array<[string, Leaf]> =>
      node.kind === 'leaf'
        ? [[name, node]]
        : Object.entries(node.commands).map(([verb, leaf]) => [`${name} ${verb}`, leaf]),
    ),
  ),
)

/** buildx's, which the stock CLI has only with that plugin; each is there once it is served. */
const buildx: readonly string[] = [
  '--allow',
  '--annotation',
  '--attest',
  '--build-context',
  '--builder',
  '--cache-to',
  '--call',
  '--check',
  '--load',
  '--metadata-file',
  '--no-cache-filter',
  '--output',
  '--progress',
  '--provenance',
  '--push',
  '--sbom',
  '--secret',
  '--ssh',
]

/** Flags of ours that docker does not have. */
const own: Readonly<Record<string, readonly string[]>> = {
  run: ['--dry-run'],
  'container run': ['--dry-run'],
  inspect: ['--as string'],
  'builder prune': ['--max-used-space bytes', '--min-free-space bytes', '--reserved-space bytes'],
  'system prune': ['--content'],
  'container inspect': ['--as string'],
}

/** Flags of docker's that are still to come. */
const missing: Readonly<Record<string, readonly string[]>> = {}

/** Verbs of ours. */
const ownVerbs: readonly string[] = [
  'completion',
  'system fsck',
  'builder du',
  'builder inspect',
  'builder ls',
]

/** The page of the stock CLI. */
function stockPage(verb: string): string {
  const env = { ...process.env, DOCKER_HOST: 'unix:///nonexistent', COLUMNS: '200' }
  const [program, ...before] = docker.command
  return String(spawnSync(program, [...before, ...verb.split(' '), '--help'], { env }).stdout)
}

async function ownPage(leaf: Leaf): Promise<string> {
  const flags = new FlagSet()
  const { command } = await leaf.load()
  command.define(flags)
  return flagUsages(flags, 200)
}

function flagsOf(page: string): string[] {
  return page
    .split('\n')
    .flatMap((line) => {
      const [, flag] = /^ {2,6}((?:-\w, )?--[\w-]+(?: [\w-]+)?) {2,}/.exec(`${line}  `) ?? []
      return flag ? [flag] : []
    })
    .filter((flag) => !flag.endsWith('--help'))
    .sort()
}

describe('flags', { skip: docker.skip ?? false }, () => {
  for (const [verb, leaf] of leaves) {
    if (ownVerbs.some((own) => verb === own || verb.startsWith(`${own} `))) continue
    test(verb, async () => {
      const isBuild = /(^| )build$/.test(verb)
      const isOwn = (flag: string): boolean =>
        own[verb]?.includes(flag) ||
        (isBuild && buildx.some((name) => new RegExp(`${name}( |$)`).test(flag)))
      const ours = flagsOf(await ownPage(leaf)).filter((flag) => !isOwn(flag))
      const theirs = flagsOf(stockPage(verb)).filter((flag) => !missing[verb]?.includes(flag))
      assert.deepEqual(ours, theirs)
    })
  }
})
