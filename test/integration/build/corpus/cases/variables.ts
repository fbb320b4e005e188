/** Variables: every form, everywhere they are expanded, and arguments with their scopes. */
import { type Case, file, lines } from '../case.ts'

export const variables: readonly Case[] = [
  {
    name: 'variables-forms',
    covers: ['$v', '${v}', '${v:-w}', '${v:+w}', '\\$'],
    classic: true,
    files: {
      Dockerfile: lines(
        'FROM base',
        'ENV set=value empty= n=3',
        'LABEL a=$set b=${set} c=$set/x d=${set}y e=$none f="$set $none" g=\'$set\'',
        'LABEL h=${none:-default} i=${empty:-default} j=${set:-default}',
        'LABEL k=${none:+alt} l=${empty:+alt} m=${set:+alt}',
        'LABEL n=\\$set o="\\$set" p=$set$n q=${none:-$set} r=${set:+${n}} s="a${set}b"',
      ),
    },
  },
  {
    name: 'variables-new-forms',
    covers: [
      '${v-w}',
      '${v+w}',
      '${v#p}',
      '${v##p}',
      '${v%p}',
      '${v%%p}',
      '${v/p/r}',
      '${v//p/r}',
      '${v:?e}',
      '${v?e}',
    ],
    files: {
      Dockerfile: lines(
        'FROM base',
        'ENV set=value empty= path=/a/b/c.tar.gz glob=x*y',
        'LABEL a=${none-default} b=${empty-default} c=${set-default}',
        'LABEL d=${none+alt} e=${empty+alt} f=${set+alt}',
        'LABEL g=${path#*/} h=${path##*/} i=${path%.*} j=${path%%.*} k=${path#nope}',
        'LABEL l=${path/b/B} m=${path//\\//_} n=${path/*b/x} o=${path//?/.} p=${glob#x\\*}',
        'LABEL q="${set:?must be}" r="${set?must be}" s="${empty?may be}"',
        'LABEL t=${path#/a/} u=${path%/*} v=${path//a}',
      ),
    },
  },
  ...(
    [
      ['unset', '${none:?must be set}'],
      ['empty', '${empty:?is empty}'],
      ['question', '${none?must be there}'],
      ['modifier', '${set:=x}'],
      ['open', '${set'],
    ] as const
  ).map(([name, word]): Case => ({
    name: `variables-refused-${name}`,
    covers: [name === 'question' ? '${v?e}' : '${v:?e}'],
    files: { Dockerfile: lines('FROM base', 'ENV empty= set=1', `LABEL a="${word}"`) },
  })),
  {
    name: 'variables-everywhere',
    covers: ['expanded everywhere'],
    files: {
      Dockerfile: lines(
        'ARG BASE=base',
        'FROM ${BASE} AS one',
        'ENV D=dir F=file P=80 S=SIGINT U=daemon',
        'ADD $F /$D/added',
        'COPY ${F} /$D/${F}',
        'ENV N=$D/$F',
        'EXPOSE $P',
        'LABEL $D=$F',
        'STOPSIGNAL $S',
        'VOLUME /$D',
        'WORKDIR /$D/wd',
        'USER $U',
        'ONBUILD ENV X=$D',
        'CMD ["$D"]',
        'ENTRYPOINT $D',
      ),
      file: file('f'),
    },
  },
  {
    name: 'variables-one-environment',
    covers: ['one environment'],
    classic: true,
    files: {
      Dockerfile: lines('FROM base', 'ENV abc=hello', 'ENV abc=bye def=$abc', 'ENV ghi=$abc'),
    },
  },
  {
    name: 'args-scopes',
    covers: ['ARG', 'ARG default', 'ARG global', 'ARG redeclared', 'ARG several', 'ENV over ARG'],
    files: {
      Dockerfile: lines(
        'ARG G=global H=unused',
        'ARG FROM_G=$G-more',
        'FROM base AS one',
        'ARG G',
        'ARG FROM_G',
        'ARG D=default E="with blank" N',
        'ARG X=$D',
        'ARG OVER=arg',
        'ENV OVER=env',
        'LABEL g=$G h=$H f=$FROM_G d=$D e=$E n=$N x=$X over=$OVER',
        'FROM base',
        'ARG G=again',
        'LABEL g=$G d=$D',
        'RUN echo "$G-$D" > /said',
      ),
    },
  },
  {
    name: 'args-given',
    covers: ['ARG given'],
    query: { buildargs: JSON.stringify({ A: 'given', G: 'given global', UNUSED: 'x' }) },
    files: {
      Dockerfile: lines(
        'ARG G=default',
        'FROM base',
        'ARG A=default',
        'ARG G',
        'LABEL a=$A g=$G unused=$UNUSED',
        'RUN echo "$A $G" > /said',
      ),
    },
  },
  {
    name: 'args-proxy',
    covers: ['proxy ARG'],
    query: {
      buildargs: JSON.stringify({ HTTP_PROXY: 'http://proxy.example:1', no_proxy: 'local' }),
    },
    files: {
      Dockerfile: lines('FROM base', 'RUN echo "$HTTP_PROXY $no_proxy" > /said'),
    },
  },
  {
    name: 'args-platform',
    covers: ['platform ARG'],
    files: {
      Dockerfile: lines(
        'FROM --platform=$BUILDPLATFORM base AS build',
        'ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT',
        'ARG BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT TARGETSTAGE',
        'LABEL t="$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT" s=$TARGETSTAGE',
        'LABEL b="$BUILDPLATFORM $BUILDOS $BUILDARCH $BUILDVARIANT"',
      ),
    },
  },
]
