import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TarSource } from '../../backend-types.ts'
import { OutputOffers } from './offers.ts'

const source = {} as TarSource

interface Offered {
  offers: OutputOffers
  token: string
  result: Promise<void>
  done(whole: boolean): void
  abort(): void
}

function offered(): Offered {
  const offers = new OutputOffers()
  const stop = new AbortController()
  const made = { token: '', done: (_whole: boolean): void => {} }
  const result = offers.offer({
    open: async (done) => {
      made.done = done
      return source
    },
    told: (token) => (made.token = token),
    signal: stop.signal,
  })
  result.catch(() => {})
  return {
    offers,
    result,
    token: made.token,
    done: (whole) => made.done(whole),
    abort: () => stop.abort(),
  }
}

test('an offer ends when it was taken whole', async () => {
  const o = offered()
  assert.equal(await o.offers.take(o.token), source)
  o.done(true)
  await o.result
  await assert.rejects(o.offers.take(o.token), /No such output/)
})

test('one that was broken off fails its build', async () => {
  const o = offered()
  await o.offers.take(o.token)
  o.done(false)
  await assert.rejects(o.result, /not taken whole/)
})

test('a build that is cancelled takes its offer back', async () => {
  const o = offered()
  o.abort()
  await assert.rejects(o.result, /cancelled/i)
  await assert.rejects(o.offers.take(o.token), /No such output/)
})

test('what cannot be opened is told to both', async () => {
  const offers = new OutputOffers()
  let token = ''
  const result = offers.offer({
    open: () => Promise.reject(new Error('broken')),
    told: (told) => (token = told),
    signal: new AbortController().signal,
  })
  result.catch(() => {})
  await assert.rejects(offers.take(token), /broken/)
  await assert.rejects(result, /broken/)
})
