/** Images: made of containers and URLs, looked at, listed, and taken away. */
import { type Call, create, del, get, type Group, post, remove, start, wait } from '../call.ts'

const none = { HostConfig: { NetworkMode: 'none' } }
const filters = (wish: object): string => `filters=${encodeURIComponent(JSON.stringify(wish))}`
const script = (text: string): object => ({ Cmd: ['sh', '-c', text], ...none })

const commit = (name: string, query: string, body?: unknown, rest: object = {}): Call =>
  post(name, `/commit?${query}`, body, rest)

const changes = [
  'CMD echo hi',
  'CMD ["a", "b"]',
  'CMD []',
  'ENTRYPOINT x y',
  'ENTRYPOINT ["x"]',
  'ENV A=1 B="two words" C=3\\ 4',
  'ENV OLD the whole rest',
  'EXPOSE 80 81/udp 90-92/tcp',
  'LABEL a=b "c d"="e f"',
  'ONBUILD RUN x',
  'USER me:us',
  'VOLUME /a /b',
  'VOLUME ["/c"]',
  'WORKDIR /x',
  'WORKDIR rel',
  'HEALTHCHECK --interval=5s --retries=3 CMD true',
  'HEALTHCHECK NONE',
  'STOPSIGNAL SIGUSR1',
  'cmd lower',
  'CMD',
  'ENTRYPOINT',
  'ENV A=$X B=${X:-y} C=${PATH:+set}',
  'WORKDIR /$PATH',
  'USER a b',
]

const badChanges = [
  'RUN x',
  'FROM x',
  'SHELL ["/bin/sh"]',
  'MAINTAINER me',
  'NOSUCH x',
  'ENV A',
  'ENV =b',
  'EXPOSE',
  'EXPOSE x',
  'EXPOSE 70000',
  'EXPOSE 80/xyz',
  'STOPSIGNAL NOSUCH',
  'LABEL x',
  'VOLUME',
  'USER',
  'WORKDIR',
  'HEALTHCHECK x',
  'HEALTHCHECK CMD',
  'HEALTHCHECK --nosuch=1 CMD x',
  'HEALTHCHECK --interval=x CMD x',
  'HEALTHCHECK --retries=-1 CMD x',
]

const change = (text: string): string => `changes=${encodeURIComponent(text)}`

export const images: readonly Group[] = [
  {
    name: 'images of containers',
    calls: [
      create('im-a', { ...script('echo made > /made'), Labels: { from: 'a' }, Env: ['X=1'] }),
      start('im-a'),
      wait('im-a'),
      commit('plain', 'container=im-a', undefined, { status: 201, save: { plain: 'Id' } }),
      get('inspect plain', '/images/{plain}/json'),
      get('inspect plain as of 1.44', '/images/{plain}/json', undefined, { version: '1.44' }),
      get('inspect plain as of 1.49', '/images/{plain}/json', undefined, { version: '1.49' }),
      commit(
        'named',
        `container=im-a&repo=im/named&tag=t&author=me&comment=why&${change('ENV Y=2')}`,
        { Env: ['X=3'], Labels: { own: '1' }, Cmd: ['ls'] },
        { status: 201, save: { named: 'Id' } },
      ),
      get('inspect named', '/images/im/named:t/json'),
      get('history', '/images/im/named:t/history'),
      get('history of plain', '/images/{plain}/history'),
      get('history of nobody', '/images/nosuch/history'),
      get('history with a platform', '/images/im/named:t/history?platform=x'),
      get('history with half a platform', '/images/im/named:t/history?platform={}'),
      get('list', `/images/json?all=1&${filters({ label: ['own'] })}`),
      commit('no container', 'container=im-none', undefined, { status: 404 }),
      commit('nothing', '', undefined, { status: 400 }),
      commit('bad name', 'container=im-a&repo=UPPER', undefined, { status: 400 }),
      commit('bad tag', 'container=im-a&repo=x&tag=-', undefined, { status: 400 }),
      commit('digest', `container=im-a&repo=x@sha256:${'0'.repeat(64)}`, undefined, {
        status: 400,
      }),
      commit('bad body', 'container=im-a', { Env: 'x' }, { status: 400 }),
      post('no JSON', '/commit?container=im-a', undefined, {
        raw: '{',
        headers: { 'Content-Type': 'application/json' },
      }),
      post('another content type', '/commit?container=im-a', undefined, {
        raw: 'x',
        headers: { 'Content-Type': 'text/plain' },
      }),
      del('delete plain', '/images/{plain}'),
      del('delete while a child is there', '/images/im/named:t'),
      del('gone', '/images/im/named:t'),
      remove('im-a'),
    ],
  },
  {
    name: 'images by changes',
    calls: [
      create('ch-a', none),
      ...changes.flatMap((text, at) => [
        commit(text, `container=ch-a&repo=changed&tag=t${at}&${change(text)}`, undefined, {
          status: 201,
        }),
        get(`config of ${text}`, `/images/changed:t${at}/json`),
        del(`delete ${text}`, `/images/changed:t${at}`),
      ]),
      ...badChanges.map((text) => commit(`refused ${text}`, `container=ch-a&${change(text)}`)),
      remove('ch-a'),
    ],
  },
  {
    name: 'images taken away',
    calls: [
      create('rm-a', script('echo 1 > /1')),
      start('rm-a'),
      wait('rm-a'),
      commit('make parent', 'container=rm-a&repo=parent', undefined, { save: { parent: 'Id' } }),
      remove('rm-a'),
      create('rm-b', { Image: 'parent', ...script('echo 2 > /2') }),
      start('rm-b'),
      wait('rm-b'),
      commit('make child', 'container=rm-b&repo=child', undefined, { save: { child: 'Id' } }),
      del('parent by id', '/images/{parent}'),
      del('parent by id and force', '/images/{parent}?force=1'),
      // Of one second: in any order, so one at a time.
      get('list of parent', `/images/json?all=1&${filters({ reference: ['parent'] })}`),
      get('list of child', `/images/json?all=1&${filters({ reference: ['child'] })}`),
      del('used by a stopped one, by name', '/images/parent'),
      del('its parent by id', '/images/{parent}'),
      remove('rm-b'),
      post('second tag', '/images/child/tag?repo=other&tag=1'),
      del('child by id', '/images/{child}'),
      del('two platforms', '/images/child?platforms={}&platforms={}'),
      del('half a platform', '/images/child?platforms={"os":"linux"}'),
      del('other', '/images/other:1'),
      del('other again', '/images/other:1'),
      get(
        'list since parent',
        `/images/json?all=1&${filters({ since: ['busybox'], reference: ['child'] })}`,
      ),
      del('child', '/images/child'),
      get('nothing left', `/images/json?all=1&${filters({ since: ['busybox'] })}`),
      del('blank', '/images/%20'),
    ],
  },
  {
    name: 'images mounted',
    calls: [
      create('mt-a', script('mkdir -p /opt/x && echo in > /opt/x/file')),
      start('mt-a'),
      wait('mt-a'),
      commit('make tools', 'container=mt-a&repo=tools', undefined, { save: { tools: 'Id' } }),
      remove('mt-a'),
      create('mt-b', {
        ...script('cat /t/opt/x/file /p/file; touch /t/x; touch /p/x; true'),
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [
            { Type: 'image', Source: 'tools', Target: '/t' },
            { Type: 'image', Source: 'tools', Target: '/p', ImageOptions: { Subpath: 'opt/x' } },
          ],
        },
      }),
      get('inspect mounts', '/containers/mt-b/json'),
      start('mt-b'),
      wait('mt-b'),
      get('logs of mounts', '/containers/mt-b/logs?stdout=1&stderr=1'),
      get('list of mounts', `/containers/json?all=1&${filters({ name: ['mt-b'] })}`),
      del('mounted, by name', '/images/tools'),
      ...[
        { Source: 'nosuch', Target: '/x' },
        { Source: '', Target: '/x' },
        { Source: 'tools', Target: '' },
        { Source: 'tools', Target: '/' },
        { Source: 'tools', Target: '/x', ImageOptions: { Subpath: '../x' } },
        { Source: 'tools', Target: '/x', ImageOptions: { Subpath: '/x' } },
        { Source: 'tools', Target: '/x', VolumeOptions: {} },
      ].map((mount) =>
        post(`mount ${JSON.stringify(mount)}`, '/containers/create?name=mt-c', {
          Image: 'busybox',
          HostConfig: { Mounts: [{ Type: 'image', ...mount }] },
        }),
      ),
      create('mt-d', {
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [
            { Type: 'image', Source: 'tools', Target: '/x', ImageOptions: { Subpath: 'no/such' } },
          ],
        },
      }),
      post('start without its part', '/containers/mt-d/start'),
      remove('mt-b'),
      remove('mt-d'),
      del('tools', '/images/tools'),
    ],
  },
  {
    name: 'images by filters',
    calls: [
      ...[
        { before: ['nosuch'] },
        { since: ['nosuch:tag'] },
        { until: ['x'] },
        { until: [''] },
        { dangling: ['x'] },
        { dangling: ['true', 'false'] },
        { made: ['up'] },
        { reference: ['['] },
        { reference: ['busy*'] },
        { reference: ['docker.io/library/busybox'] },
        { label: ['nosuch'] },
      ].map((wish) => get(JSON.stringify(wish), `/images/json?${filters(wish)}`)),
      get('identity alone', '/images/json?identity=1'),
      get('shared sizes', '/images/json?shared-size=1'),
      get('as of 1.42', '/images/json', undefined, { version: '1.42' }),
      get('manifests and a platform', '/images/busybox/json?manifests=1&platform={}'),
      post('prune with two untils', `/images/prune?${filters({ until: ['1h', '2h'] })}`),
      post('prune with a bad until', `/images/prune?${filters({ until: ['x'] })}`),
      post('prune with a bad dangling', `/images/prune?${filters({ dangling: ['x'] })}`),
      post('prune of nothing', `/images/prune?${filters({ label: ['nosuch'] })}`),
      post('import from nowhere', '/images/create?fromSrc=127.0.0.1:1/x'),
      post('import from no host', '/images/create?fromSrc='),
      post('import by ftp', '/images/create?fromSrc=ftp://127.0.0.1/x'),
      post('import to no name', '/images/create?fromSrc=127.0.0.1:1/x&repo=UPPER'),
    ],
  },
]
