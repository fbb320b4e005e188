import assert from 'node:assert/strict'
import { test } from 'node:test'
import { system } from '../base/errors.ts'
import { mountWish, withoutPassword } from './mount-wish.ts'

const resolve = (name: string): Promise<string> =>
  name === 'nowhere'
    ? Promise.reject(new Error('lookup nowhere: no such host'))
    : Promise.resolve('10.0.0.7')

test('names of servers become addresses; all else stays as it was said', async () => {
  const nfs = { type: 'nfs', device: ':/export' }
  const wished = async (options: Record<string, string>): Promise<string> => {
    const wish = await mountWish(options, resolve)
    return `${wish.device} ${wish.options}`
  }
  assert.equal(await wished({ ...nfs, o: 'addr=files,rw' }), ':/export addr=10.0.0.7,rw')
  assert.equal(await wished({ ...nfs, o: 'addr=10.1.1.1' }), ':/export addr=10.1.1.1')
  assert.equal(await wished({ type: 'cifs', device: '//nas/a b' }), '//10.0.0.7/a b ')
  assert.equal(await wished({ type: 'cifs', device: '//10.0.0.1/a' }), '//10.0.0.1/a ')
  assert.equal(await wished({ type: 'tmpfs', device: 'tmpfs', o: 'addr=x' }), 'tmpfs addr=x')
})

test('what cannot be looked up, and what is missing', async () => {
  const wish = mountWish({ type: 'nfs', device: ':/x', o: 'addr=nowhere' }, resolve)
  await assert.rejects(wish, {
    message: 'error resolving passed in network volume address: lookup nowhere: no such host',
  })
  await assert.rejects(mountWish({ type: 'nfs', device: '' }), /^EngineError: missing device/)
})

test('a password is not told', () => {
  const error = system('mount //nas, data: user=a,password=s3$&,x: denied')
  assert.equal(
    withoutPassword(error, 'user=a,password=s3$&,x').message,
    'mount //nas, data: user=a,password=********,x: denied',
  )
  assert.equal(withoutPassword(error, 'user=a'), error)
})
