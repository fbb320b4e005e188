/** `RUN --mount`, told by what a command wrote of it. */
import { type Case, file, lines, symlink } from '../case.ts'

export const mounts: readonly Case[] = [
  {
    name: 'mount-bind',
    covers: [
      'RUN --mount=type=bind',
      'mount target',
      'mount source',
      'mount rw',
      'mount ro',
      'mount from',
      'mount dst',
      'mount destination',
      'mount src',
      'mount readonly',
      'mount readwrite',
      'mount variables',
    ],
    files: {
      Dockerfile: lines(
        'FROM base AS one',
        'RUN mkdir /tree && echo staged > /tree/f && ln -s f /tree/link',
        'FROM base',
        'WORKDIR /wd',
        'ENV WHERE=/var/of/env',
        'RUN --mount=target=. cat f d/inner > /default; touch x 2>/dev/null || echo refused >> /default',
        'RUN --mount=type=bind,source=d,destination=/m,rw echo new > /m/new && ls /m > /rw',
        'RUN --mount=type=bind,src=f,dst=$WHERE,readwrite=true cat /var/of/env > /file && echo more >> /var/of/env',
        'RUN --mount=source=d/link,target=/l,readonly cat /l > /link',
        'RUN --mount=from=one,source=/tree,target=/m,ro=true cat /m/link > /stage',
        'RUN --mount=from=one,target=/m,readwrite rm /m/tree/f && ls /m/tree > /whole',
        'RUN --mount=from=base,source=etc/group,target=/g cat /g > /image',
        'RUN --mount=target=rel/ative ls rel/ative > /relative',
      ),
      f: file('f\n'),
      'd/inner': file('inner\n'),
      'd/link': symlink('../f'),
    },
  },
  {
    name: 'mount-cache',
    covers: [
      'RUN --mount=type=cache',
      'mount id',
      'mount sharing=shared',
      'mount sharing=private',
      'mount sharing=locked',
      'mount mode',
      'mount uid',
      'mount gid',
      'mount from',
    ],
    files: {
      Dockerfile: lines(
        'FROM base AS seed',
        'RUN mkdir /seed && echo sown > /seed/f && chown 3:4 /seed && chmod 711 /seed',
        'FROM base',
        'WORKDIR /wd',
        'RUN --mount=type=cache,target=/c,id=corpus echo one > /c/f',
        'RUN --mount=type=cache,target=/other,id=corpus,sharing=locked cat /other/f > /again',
        'RUN --mount=type=cache,target=/c,id=corpus,sharing=private,ro cat /c/f > /ro; touch /c/x 2>/dev/null || echo refused >> /ro',
        'RUN --mount=type=cache,target=/c,id=corpus2,mode=0711,uid=5,gid=6 stat -c "%a %u:%g" /c > /owned',
        'RUN --mount=type=cache,target=rel ls -d /wd/rel > /relative',
        'RUN --mount=type=cache,target=/c,id=corpus3,from=seed,source=/seed cat /c/f > /seeded && stat -c "%a %u:%g" /c >> /seeded',
        'RUN --mount=type=cache,target=/c,id=corpus4,sharing=shared stat -c "%a %u:%g" /c > /fresh',
      ),
    },
  },
  {
    name: 'mount-tmpfs',
    covers: ['RUN --mount=type=tmpfs', 'mount size'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'RUN mkdir /t && echo hidden > /t/hidden',
        'RUN --mount=type=tmpfs,target=/t,size=5m ls /t > /seen; df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2 >> /seen; stat -c %a /t >> /seen',
        'RUN --mount=type=tmpfs,target=/t cp /bin/busybox /t/echo && /t/echo runs > /runs',
      ),
    },
  },
  {
    name: 'mount-traces',
    covers: ['mount traces'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'RUN mkdir -p /was/there /real && echo x > /was/file && ln -s /real /linked',
        'RUN --mount=type=tmpfs,target=/was/there --mount=target=/was/file,source=f --mount=type=cache,id=traces,target=/new/deep/one --mount=type=tmpfs,target=/linked/below --mount=target=/was/new-file,source=f true',
        'RUN --mount=type=tmpfs,target=/half/one/two echo y > /half/own',
      ),
      f: file('f'),
    },
  },
]

/** Without a session BuildKit refuses these, also where they need not be there. */
export const mountsOfClients: readonly Case[] = [
  {
    name: 'mount-secret-ssh',
    covers: ['RUN --mount=type=secret', 'RUN --mount=type=ssh', 'mount required', 'mount env'],
    files: {
      Dockerfile: lines(
        'FROM base',
        'RUN --mount=type=secret,id=none ls /run > /seen 2>&1; true',
        'RUN --mount=type=secret,id=none,env=NONE echo "<$NONE>" > /env',
        'RUN --mount=type=ssh echo "<$SSH_AUTH_SOCK>" > /ssh',
        'RUN --mount=type=secret,id=none,target=/etc/secret,mode=0440,uid=3,gid=4 ls /etc/secret 2> /dev/null || echo none > /file',
      ),
    },
  },
]

const refused: ReadonlyArray<readonly [name: string, covers: string, options: string]> = [
  ['root', 'mount target', 'type=bind,target=/'],
  ['missing', 'mount source', 'target=/x,source=nope'],
  ['type', 'RUN --mount=type=bind', 'type=nothing,target=/x'],
  ['key', 'RUN --mount=type=bind', 'type=bind,tarket=/x'],
  ['no-value', 'RUN --mount=type=bind', 'type=bind,target'],
  ['sharing', 'mount sharing=shared', 'type=cache,target=/x,sharing=often'],
  ['sharing-of-bind', 'mount sharing=shared', 'target=/x,sharing=shared'],
  ['mode-of-bind', 'mount mode', 'type=bind,target=/x,mode=755'],
  ['mode', 'mount mode', 'type=cache,target=/x,mode=9'],
  ['size-of-bind', 'mount size', 'type=bind,target=/x,size=4m'],
  ['size', 'mount size', 'type=tmpfs,target=/x,size=large'],
  ['secret-nothing', 'RUN --mount=type=secret', 'type=secret'],
  ['from-variable', 'mount from', 'from=$X,target=/x'],
]

export const mountsRefused: readonly Case[] = refused.map(([name, covers, options]) => ({
  name: `mount-refused-${name}`,
  covers: [covers],
  files: { Dockerfile: lines('FROM base', `RUN --mount=${options} true`) },
}))
