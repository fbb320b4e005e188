import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recording } from './recording.ts'
import { Redaction } from './redaction.ts'

const told = {
  buildArgs: { TOKEN: 'hunter22', YES: '1', FROM_ENV: null },
  client: 'Docker-Client/28.0',
  dockerfile: '',
  noCache: false,
  platform: '',
  remote: 'https://me:secret@example.com/repo.git?token=x#main:sub',
  tags: [],
  target: 'prod',
}

test('what a trace tells becomes steps, by the names they had first', () => {
  const recording = new Recording('id', told, 1000)
  const step = { digest: 'a', inputs: [], name: '[1/2] RUN echo $TOKEN' }
  recording.listen({
    vertexes: [{ digest: 'c', inputs: [], name: '[internal] load build context' }],
  })
  recording.listen({ vertexes: [step, { digest: 'b', inputs: [], name: '' }] })
  recording.listen({
    vertexes: [
      { ...step, name: '[1/2] RUN echo hunter22', started: 's', completed: 'c', cached: true },
      {
        digest: 'b',
        inputs: [],
        name: '[2/2] ONBUILD COPY hunter22 /',
        started: 's',
        error: 'no hunter22',
      },
    ],
    warnings: [{ vertex: 'a', level: 1, short: '', detail: [], url: '' }],
  })
  recording.end({ status: 'error', error: 'hunter22 failed' }, 3500)
  const record = recording.record(9999)
  assert.deepEqual(record.Steps.slice(1), [
    { Name: '[1/2] RUN echo $TOKEN', StartedAt: 's', CompletedAt: 'c', Cached: true, Error: '' },
    {
      Name: '[2/2] ONBUILD COPY $TOKEN /',
      StartedAt: 's',
      CompletedAt: null,
      Cached: false,
      Error: 'no $TOKEN',
    },
  ])
  const {
    Status,
    DurationMs,
    TotalSteps,
    CompletedSteps,
    CachedSteps,
    Warnings,
    Error,
    Name,
    BuildArgs,
    Context,
  } = record
  assert.deepEqual(
    { Status, DurationMs, TotalSteps, CompletedSteps, CachedSteps, Warnings, Error, Name },
    {
      Status: 'error',
      DurationMs: 2500,
      TotalSteps: 2,
      CompletedSteps: 1,
      CachedSteps: 1,
      Warnings: 1,
      Error: '$TOKEN failed',
      Name: 'Dockerfile (prod)',
    },
  )
  assert.deepEqual(BuildArgs, ['FROM_ENV', 'TOKEN', 'YES'])
  assert.equal(Context, 'https://example.com/repo.git#main:sub')
  assert.doesNotMatch(JSON.stringify(record), /hunter22|secret/)
})

test('what is long is cut, and what is too much is not kept', () => {
  const recording = new Recording('id', told, 0)
  const vertexes = Array.from({ length: 5000 }, (_, at) => ({
    digest: `${at}`,
    inputs: [],
    name: 'x'.repeat(at === 0 ? 1_000_000 : 1000),
  }))
  recording.listen({ vertexes })
  const { Steps } = recording.record(0)
  assert.equal(Steps.length, 2000)
  assert.ok(Steps.every(({ Name }) => Name.length === 500))
})

test('of values that are parts of each other the longer one is named', () => {
  const redaction = new Redaction({ A: 'pass', B: 'password' })
  assert.equal(redaction.text('password, pass, bypass'), '$B, $A, by$A')
})
