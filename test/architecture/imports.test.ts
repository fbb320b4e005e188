/** Who may import whom, how long a file may be, and what no file may mention. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

interface Import {
  file: string
  /** A package's name, or a path from the root for a relative import. */
  target: string
  typeOnly: boolean
}

const tracked = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '')
const texts = new Map(tracked.flatMap((path) => readText(path)))
const sources = [...texts.keys()].filter((path) => /^packages\/.*\.ts$/.test(path))
const imports = sources.flatMap(importsOf)

/** Nothing for a file that is deleted but not yet committed, or not text. */
function readText(path: string): Array<[string, string]> {
  try {
    const bytes = readFileSync(join(root, path))
    return bytes.includes(0) ? [] : [[path, bytes.toString()]]
  } catch {
    return []
  }
}

function importsOf(file: string): Import[] {
  const text = texts.get(file)!
  const found: Import[] = []
  // Static imports and re-exports, then `import('…')` as a value or inside a type.
  for (const [, type, specifier = ''] of text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]*?\sfrom\s+)?'([^'\n]+)'/gm,
  ))
    found.push({ file, target: resolve(file, specifier), typeOnly: type !== undefined })
  for (const [, specifier = ''] of text.matchAll(/\bimport\(\s*'([^'\n]+)'/g))
    found.push({ file, target: resolve(file, specifier), typeOnly: false })
  return found
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier))
  return specifier.replace(/^@tdocker\//, 'packages/')
}

const packageOf = (path: string): string => path.split('/')[1] ?? ''
const isTest = (path: string): boolean => /\.test\.ts$|\/testing\//.test(path)
const show = (o: Import): string => `${o.file} → ${o.target}${o.typeOnly ? ' (type)' : ''}`

/** `type`: types only, values in tests at most. */
const EDGES: Readonly<Record<string, Readonly<Record<string, 'any' | 'type'>>>> = {
  cli: { api: 'any' },
  daemon: { api: 'any', engine: 'any' },
  engine: { api: 'type', oci: 'any', kernel: 'any' },
  kernel: { oci: 'any' },
  oci: {},
  api: {},
}

/**
 * Both sides of a build must see the same files, and speak the same frames beside it: pure rules that
 * the engine may call, too.
 */
const RULES_OF_BOTH_SIDES: ReadonlySet<string> = new Set([
  'packages/api/build-session/connection.ts',
  'packages/api/build-session/frames.ts',
  'packages/api/build-session/listing.ts',
  'packages/api/build-session/messages.ts',
  'packages/api/build-session/stream.ts',
  'packages/api/dockerignore.ts',
  'packages/api/path-match.ts',
])

test('packages import each other only along the table of edges', () => {
  const wrong = imports.filter(({ file, target, typeOnly }) => {
    if (!target.startsWith('packages/')) return false
    const [from, to] = [packageOf(file), packageOf(target)]
    if (from === to) return false
    const edge = EDGES[from]?.[to]
    if (edge === 'type' && RULES_OF_BOTH_SIDES.has(target)) return false
    return edge === undefined || (edge === 'type' && !typeOnly && !isTest(file))
  })
  assert.deepEqual(wrong.map(show), [])
  // The table is of this project: each of its packages, and each edge in use.
  assert.deepEqual(Object.keys(EDGES).sort(), [...new Set(sources.map(packageOf))].sort())
  for (const [from, edges] of Object.entries(EDGES))
    for (const to of Object.keys(edges))
      assert.ok(
        imports.some((o) => packageOf(o.file) === from && packageOf(o.target) === to),
        `${from} → ${to} is not used`,
      )
})

test('packages reach each other by name, never by a path out of themselves', () => {
  const wrong = sources.flatMap((file) =>
    [...texts.get(file)!.matchAll(/from\s+'(\.[^'\n]+)'/g)]
      .map(([, specifier = '']) => ({ file, target: resolve(file, specifier), typeOnly: false }))
      .filter(({ target }) => packageOf(target) !== packageOf(file) || !target.startsWith('pack')),
  )
  assert.deepEqual(wrong.map(show), [])
})

/** Rooms of `packages/engine`: what a leaf may import of the others. */
const LEAVES: Readonly<Record<string, readonly string[]>> = { base: [], store: ['base'] }

/** May import values of `container/`, each with its reason. */
const MAY_USE_CONTAINER: Readonly<Record<string, string>> = {
  'engine.ts': 'puts everything together',
  health: 'probes are execs in a container, and their results are part of its state',
  exec: 'a process inside a container: the second half of that room, apart for its size',
}

/** The rooms' view of `container/`: the consumer declares what it needs. */
const NEEDS = 'packages/engine/container/needs.ts'

const engineRoom = (path: string): string => path.split('/')[2] ?? ''
const insideEngine = imports.filter(
  ({ file, target }) =>
    file.startsWith('packages/engine/') &&
    target.startsWith('packages/engine/') &&
    engineRoom(file) !== engineRoom(target),
)

test('inside the engine base and store are leaves', () => {
  const wrong = insideEngine.filter(({ file, target }) => {
    const allowed = LEAVES[engineRoom(file)]
    return allowed !== undefined && !allowed.includes(engineRoom(target))
  })
  assert.deepEqual(wrong.map(show), [])
})

test('inside the engine nothing but exec uses containers, except the types they ask for', () => {
  const uses = insideEngine.filter(({ target }) => engineRoom(target) === 'container')
  const wrong = uses.filter(
    ({ file, target, typeOnly }) =>
      MAY_USE_CONTAINER[engineRoom(file)] === undefined && !(typeOnly && target === NEEDS),
  )
  assert.deepEqual(wrong.map(show), [])
  for (const room of Object.keys(MAY_USE_CONTAINER))
    assert.ok(
      uses.some(({ file }) => engineRoom(file) === room),
      `${room} needs no exception`,
    )
})

test('nothing that ships imports a test or its helpers', () => {
  const wrong = imports.filter(
    ({ file, target }) =>
      target.startsWith('test/') || (/\.test\.ts$|\/testing\//.test(target) && !isTest(file)),
  )
  assert.deepEqual(wrong.map(show), [])
})

const MAX_LINES = 600

/** Tables of data, whose length says nothing about their complexity. */
const LONG: Readonly<Record<string, string>> = {
  'package-lock.json': 'written by npm',
}

test(`no file has more than ${MAX_LINES} lines`, () => {
  const long = [...texts].filter(([, text]) => text.split('\n').length - 1 > MAX_LINES)
  assert.deepEqual(
    long.map(([path]) => path).filter((path) => LONG[path.split('/').at(-1)!] === undefined),
    [],
  )
  for (const path of Object.keys(LONG)) assert.ok(texts.has(path), `${path} is gone`)
})

test('no file mentions a place outside of the project', () => {
  const places = [['', 'work', ''].join('/'), ['..', 'shared'].join('/')]
  const mentions = [...texts].filter(([, text]) =>
    // The kernel's own directory inside of an overlay's work directory.
    places.some((place) => text.replaceAll('/work/incompat', '').includes(place)),
  )
  assert.deepEqual(
    mentions.map(([path]) => path),
    [],
  )
})
