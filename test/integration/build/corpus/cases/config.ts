/** Instructions that change the image's config alone. */
import { type Case, lines } from '../case.ts'

function one(
  name: string,
  covers: readonly string[],
  body: readonly string[],
  more: Partial<Case> = {},
): Case {
  return { name, covers, files: { Dockerfile: lines('FROM base', ...body) }, ...more }
}

const classic = { classic: true } as const

export const config: readonly Case[] = [
  one(
    'env',
    ['ENV', 'ENV several', 'ENV legacy'],
    [
      'ENV A=1',
      'ENV B=two\\ words C="three words" D=\'four words\' E=',
      'ENV F the legacy  form with "quotes"',
      'ENV A=again G=$A H="$B" I=\'$C\'',
      'ENV J=a\\',
      'b K=c',
    ],
    classic,
  ),
  one(
    'label',
    ['LABEL', 'LABEL several', 'LABEL legacy'],
    [
      'ENV V=value',
      'LABEL one=1 "two words"="a b" three=$V',
      'LABEL org.example.key="multi\\',
      'line" empty=',
      'LABEL legacy the rest of it',
      'LABEL one=again',
    ],
    classic,
  ),
  one(
    'expose',
    ['EXPOSE', 'EXPOSE protocol', 'EXPOSE range', 'EXPOSE variable'],
    [
      'ENV P=9000',
      'EXPOSE 80 53/udp 22/tcp 5/sctp',
      'EXPOSE 7000-7003',
      'EXPOSE $P ${P}/udp',
      'EXPOSE 80',
    ],
    classic,
  ),
  one('expose-bad', ['EXPOSE'], ['EXPOSE 70000']),
  one('expose-word', ['EXPOSE'], ['EXPOSE http']),
  one('expose-host', ['EXPOSE'], ['EXPOSE 127.0.0.1:80:8080']),
  one(
    'cmd-forms',
    ['CMD shell', 'CMD exec', 'ENTRYPOINT shell', 'ENTRYPOINT exec'],
    [
      'CMD echo $HOME',
      'CMD ["a", "b c"]',
      'ENTRYPOINT ["/e"]',
      'ENTRYPOINT exec top -b',
      'CMD ["last"]',
    ],
    classic,
  ),
  one('entrypoint-resets-cmd', ['ENTRYPOINT resets CMD'], ['ENTRYPOINT ["/e"]'], classic),
  one(
    'cmd-then-entrypoint',
    ['ENTRYPOINT resets CMD'],
    ['CMD ["mine"]', 'ENTRYPOINT ["/e"]'],
    classic,
  ),
  one('cmd-empty', ['CMD exec', 'ENTRYPOINT exec'], ['CMD []', 'ENTRYPOINT []'], classic),
  one('cmd-json-like', ['CMD shell'], ["CMD ['single', 'quotes']"], classic),
  one(
    'healthcheck',
    [
      'HEALTHCHECK CMD',
      'HEALTHCHECK --interval',
      'HEALTHCHECK --timeout',
      'HEALTHCHECK --start-period',
      'HEALTHCHECK --start-interval',
      'HEALTHCHECK --retries',
    ],
    [
      'HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --start-interval=500ms --retries=5 CMD curl -f http://localhost/ || exit 1',
    ],
  ),
  one(
    'healthcheck-exec',
    ['HEALTHCHECK CMD exec'],
    ['HEALTHCHECK --interval=1h CMD ["/check", "it"]'],
    classic,
  ),
  one('healthcheck-none', ['HEALTHCHECK NONE'], ['HEALTHCHECK CMD x', 'HEALTHCHECK NONE'], classic),
  one('healthcheck-short', ['HEALTHCHECK --interval'], ['HEALTHCHECK --interval=1us CMD x']),
  one('healthcheck-type', ['HEALTHCHECK CMD'], ['HEALTHCHECK TCP 80']),
  one('healthcheck-retries', ['HEALTHCHECK --retries'], ['HEALTHCHECK --retries=-1 CMD x']),
  one(
    'stopsignal',
    ['STOPSIGNAL', 'STOPSIGNAL variable'],
    ['ENV S=SIGQUIT', 'STOPSIGNAL 9', 'STOPSIGNAL $S'],
    classic,
  ),
  one('stopsignal-bad', ['STOPSIGNAL'], ['STOPSIGNAL SIGNOTHING'], classic),
  one('maintainer', ['MAINTAINER'], ['MAINTAINER Some One <some@one.example>'], classic),
  one(
    'volume-forms',
    ['VOLUME words', 'VOLUME json', 'VOLUME variable'],
    ['ENV V=/v', 'VOLUME /a $V/b', 'VOLUME ["/c d", "$V"]'],
    classic,
  ),
  one('volume-empty', ['VOLUME json'], ['VOLUME [""]'], classic),
  one(
    'user-forms',
    ['USER name', 'USER variable'],
    ['ENV U=who', 'USER daemon', 'USER $U:${G:-group}'],
    classic,
  ),
  one('shell-not-json', ['SHELL'], ['SHELL /bin/sh -c'], classic),
  one('workdir-empty', ['WORKDIR'], ['ENV E=', 'WORKDIR $E']),
  one('unknown', ['unknown instruction'], ['RUNN true']),
  one('env-no-value', ['ENV'], ['ENV ALONE']),
  one('arg-blank', ['ARG'], ['ARG']),
  one('case', ['keywords of any case'], ['env A=1', 'Label b=2', 'cMd ["x"]'], classic),
]
