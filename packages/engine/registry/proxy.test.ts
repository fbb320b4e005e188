import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyFor } from './proxy.ts'

const via = (url: string, env: Record<string, string>): string | undefined =>
  proxyFor(new URL(url), env)?.href

test('each protocol has its proxy, upper case first', () => {
  const env = { HTTP_PROXY: 'http://plain:3128', https_proxy: 'tls:8080' }
  assert.equal(via('http://r.test/', env), 'http://plain:3128/')
  assert.equal(via('https://r.test/', env), 'http://tls:8080/')
  assert.equal(via('https://r.test/', { HTTP_PROXY: 'http://plain' }), undefined)
  assert.equal(
    via('https://r.test/', { HTTPS_PROXY: 'http://a', https_proxy: 'http://b' }),
    'http://a/',
  )
})

test('loopback is always reached directly', () => {
  const env = { HTTP_PROXY: 'http://p', HTTPS_PROXY: 'http://p' }
  for (const host of ['localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:5000']) {
    assert.equal(via(`http://${host}/`, env), undefined, host)
  }
})

test('NO_PROXY takes hosts, domains, ports, addresses and networks', () => {
  const env = {
    HTTPS_PROXY: 'http://p',
    NO_PROXY: 'exact.test, .sub.test,*.star.test port.test:8443 10.0.0.0/8,192.168.1.2,fd00::/8',
  }
  const direct = [
    'exact.test',
    'below.exact.test',
    'a.sub.test',
    'a.star.test',
    'port.test:8443',
    '10.1.2.3',
    '192.168.1.2:5000',
    '[fd00::1]',
    'EXACT.test',
  ]
  const proxied = ['sub.test', 'star.test', 'port.test', 'notexact.test', '11.0.0.1', '192.168.1.3']
  for (const host of direct) assert.equal(via(`https://${host}/`, env), undefined, host)
  for (const host of proxied) assert.equal(via(`https://${host}/`, env), 'http://p/', host)
  assert.equal(via('https://any.test/', { ...env, NO_PROXY: '*' }), undefined)
})
