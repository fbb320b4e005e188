import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseDeviceRequests } from './device-requests.ts'

test('no driver has what is asked for, and Docker’s sentence says so', () => {
  const refused = (request: object): string => {
    try {
      refuseDeviceRequests({ DeviceRequests: [request] })
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }
  for (const [request, sentence] of [
    [
      { Driver: '', Count: -1, Capabilities: [['gpu', 'nvidia']] },
      'could not select device driver "" with capabilities: [[gpu nvidia]]',
    ],
    [
      { Driver: '', Count: -1, Capabilities: [['gpu']] },
      'failed to discover GPU vendor from CDI: no known GPU vendor found',
    ],
    [
      { Driver: 'x', Capabilities: [['gpu', 'utility'], ['y']] },
      'could not select device driver "x" with capabilities: [[gpu utility] [y]]',
    ],
    [{ Driver: 'x' }, 'could not select device driver "x" with capabilities: []'],
    [
      { Driver: 'cdi', DeviceIDs: ['a.com/b=c', 'd.com/e=f'] },
      'CDI device injection failed: unresolvable CDI devices a.com/b=c, d.com/e=f',
    ],
    [{ Driver: 'cdi', Count: 1 }, 'unexpected count in CDI device request'],
    [{ Driver: 'cdi', Options: { a: 'b' } }, 'unexpected options in CDI device request'],
    [{ Driver: 'cdi' }, ''],
  ] as const)
    assert.equal(refused(request), sentence)
  refuseDeviceRequests({})
})
