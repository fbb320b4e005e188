import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DockerfileError } from './instruction.ts'
import { parseDockerfile } from './parse-dockerfile.ts'
import { fuzz } from './testing/fuzz.ts'

test('2,000 mutated Dockerfiles', () => {
  const { parsed, refused, problems, slowestMs } = fuzz(2000, 1)
  assert.deepEqual(problems, [])
  assert.equal(parsed + refused, 2000)
  assert.ok(parsed > 100 && refused > 100, `${parsed} parsed, ${refused} refused`)
  assert.ok(slowestMs < 1000, `${slowestMs} ms`)
})

/** About a megabyte each of what a careless reader goes over again and again. */
const LARGE: Readonly<Record<string, string>> = {
  'one long command': `FROM a\nRUN ${'echo x && \\\n'.repeat(90_000)}true`,
  'many instructions': `FROM a\n${'RUN echo $A && b\n'.repeat(60_000)}`,
  'a chain of triggers': `FROM a\n${'ONBUILD \\\n'.repeat(100_000)}`,
  'many flags': `FROM a\nCOPY ${'--exclude=a \\\n'.repeat(70_000)} a b`,
  'many pairs': `FROM a\nENV ${'a=b \\\n'.repeat(150_000)}`,
  'many heredocs': `FROM a\nRUN ${'<<A '.repeat(9000)}\n${'A\n'.repeat(9000)}`,
  'blanks in a heredoc': `FROM a\nRUN ${`<<${' '.repeat(60_000)}<x \\\n`.repeat(15)}true`,
  'blanks in lines': `FROM a\nRUN x${`${' '.repeat(60_000)}x\\\n`.repeat(15)}true`,
  'blanks in comments': `${`#${' '.repeat(60_000)}x\n`.repeat(15)}FROM a`,
  'open brackets': `FROM a\nCMD ${`${'['.repeat(60_000)}\\\n`.repeat(15)}`,
  'empty lines': `FROM a\nCMD x${'\n'.repeat(900_000)}`,
  'comments with options': `${'# check=skip=all\n# b\n'.repeat(50_000)}FROM a\n`,
  'a long keyword': `FROM a\n${'x'.repeat(60_000)}`,
}

for (const [name, text] of Object.entries(LARGE)) {
  test(`${name}, large`, () => {
    const started = performance.now()
    try {
      parseDockerfile(text)
    } catch (error) {
      assert.ok(error instanceof DockerfileError)
    }
    // Ten times what it takes alone on a slow machine.
    assert.ok(performance.now() - started < 5000)
  })
}

test('more than two megabytes are refused', () => {
  assert.throws(() => parseDockerfile(`FROM a\n${'#\n'.repeat(1_100_000)}`), {
    message: 'the Dockerfile is larger than 2097152 bytes',
  })
})
