/** Stages, triggers, directives and the forms of the file as a whole. */
import { type Case, file, lines } from '../case.ts'

export const stages: readonly Case[] = [
  {
    name: 'stages',
    covers: [
      'FROM',
      'FROM AS',
      'FROM stage',
      'FROM --platform',
      'multi-stage',
      'stage names of any case',
    ],
    classic: true,
    files: {
      Dockerfile: lines(
        'FROM base AS First',
        'RUN echo first > /first',
        'ENV E=first',
        'CMD ["first"]',
        'FROM first AS second',
        'RUN echo second > /second',
        'FROM scratch AS third',
        'COPY --from=FIRST /first /from-first',
        'FROM second',
        'COPY --from=2 /from-first /third',
        'COPY --from=second /second /copied',
      ),
    },
  },
  {
    name: 'stages-target',
    covers: ['--target'],
    query: { target: 'TWO' },
    files: {
      Dockerfile: lines(
        'FROM base AS one',
        'RUN false',
        'FROM base AS two',
        'LABEL two=2',
        'FROM base',
        'RUN false',
      ),
    },
  },
  {
    name: 'stages-target-index',
    covers: ['--target'],
    query: { target: '1' },
    files: {
      Dockerfile: lines(
        'FROM base',
        'RUN false',
        'FROM base',
        'LABEL two=2',
        'FROM base',
        'RUN false',
      ),
    },
  },
  {
    name: 'stages-target-missing',
    covers: ['--target'],
    query: { target: 'none' },
    files: { Dockerfile: lines('FROM base AS one') },
  },
  {
    name: 'stages-unneeded',
    covers: ['unneeded stages'],
    files: {
      Dockerfile: lines(
        'FROM nothing.invalid/none AS never',
        'RUN false',
        'FROM base',
        'LABEL a=1',
      ),
    },
  },
  {
    name: 'stages-of-digest',
    covers: ['FROM tag'],
    classic: true,
    files: { Dockerfile: lines('FROM base:latest', 'LABEL a=1') },
  },
  {
    name: 'from-blank',
    covers: ['FROM'],
    files: { Dockerfile: lines('ARG NONE', 'FROM $NONE') },
  },
  { name: 'from-arguments', covers: ['FROM'], files: { Dockerfile: lines('FROM base as') } },
  { name: 'from-name', covers: ['FROM AS'], files: { Dockerfile: lines('FROM base AS 0bad') } },
  { name: 'from-missing', covers: ['FROM'], files: { Dockerfile: lines('RUN true') } },
  { name: 'from-invalid', covers: ['FROM'], files: { Dockerfile: lines('FROM UPPER/Case') } },
  { name: 'empty', covers: ['FROM'], files: { Dockerfile: '' } },
  { name: 'only-comments', covers: ['comments'], files: { Dockerfile: '# nothing\n\n' } },
  {
    name: 'labels-given',
    covers: ['--label'],
    query: { labels: JSON.stringify({ b: '$NOT', a: 'given' }) },
    classic: true,
    files: { Dockerfile: lines('FROM base', 'LABEL a=own c=3') },
  },
]

export const onbuild: readonly Case[] = [
  {
    name: 'onbuild',
    covers: ['ONBUILD'],
    classic: true,
    files: {
      Dockerfile: lines(
        'FROM base',
        'ONBUILD RUN echo triggered > /t',
        'ONBUILD COPY f /f',
        'onbuild env A=b',
      ),
      f: file('f'),
    },
  },
  {
    name: 'onbuild-runs',
    covers: ['ONBUILD runs'],
    files: {
      Dockerfile: lines(
        'FROM base AS parent',
        'ONBUILD RUN echo triggered > /t',
        'ONBUILD COPY f /f',
        'ONBUILD ARG A=trigger',
        'ONBUILD LABEL a=$A',
        'FROM parent AS child',
        'RUN cat /t > /seen',
        'FROM child',
        'LABEL none=again',
      ),
      f: file('f'),
    },
  },
  {
    name: 'onbuild-from-stage',
    covers: ['ONBUILD COPY --from'],
    files: {
      Dockerfile: lines(
        'FROM base AS assets',
        'RUN echo made > /made',
        'FROM base AS parent',
        'ONBUILD COPY --from=assets /made /made',
        'FROM parent',
      ),
    },
  },
  {
    name: 'onbuild-onbuild',
    covers: ['ONBUILD'],
    classic: true,
    files: { Dockerfile: lines('FROM base', 'ONBUILD ONBUILD RUN x') },
  },
  {
    name: 'onbuild-from',
    covers: ['ONBUILD'],
    classic: true,
    files: { Dockerfile: lines('FROM base', 'ONBUILD FROM x') },
  },
  {
    name: 'onbuild-maintainer',
    covers: ['ONBUILD'],
    classic: true,
    files: { Dockerfile: lines('FROM base', 'ONBUILD MAINTAINER x') },
  },
  {
    name: 'onbuild-nothing',
    covers: ['ONBUILD'],
    files: { Dockerfile: lines('FROM base', 'ONBUILD') },
  },
]

export const directives: readonly Case[] = [
  {
    name: 'directive-escape',
    covers: ['escape='],
    files: {
      Dockerfile: lines(
        '# escape=`',
        'FROM base',
        'ENV A=one` two B=`$A C=back\\slash',
        'RUN echo a `',
        '  b > /said',
        'LABEL l="`$A"',
      ),
    },
  },
  {
    name: 'directive-case-and-blanks',
    covers: ['escape='],
    classic: true,
    files: { Dockerfile: lines('#   EsCaPe  =  `  ', 'FROM base', 'ENV A=1 `', '  B=2') },
  },
  {
    name: 'directive-escape-bad',
    covers: ['escape='],
    files: { Dockerfile: lines('# escape=x', 'FROM base') },
  },
  {
    name: 'directive-twice',
    covers: ['escape='],
    classic: true,
    files: { Dockerfile: lines('# escape=\\', '# escape=`', 'FROM base') },
  },
  {
    name: 'directive-late',
    covers: ['comments'],
    classic: true,
    files: {
      Dockerfile: lines('# a comment ends them', '# escape=`', 'FROM base', 'LABEL a=b\\ c'),
    },
  },
  {
    name: 'directive-unknown',
    covers: ['comments'],
    classic: true,
    files: { Dockerfile: lines('# mine=1', '# escape=`', 'FROM base', 'LABEL a=b\\ c') },
  },
  {
    name: 'comments',
    covers: ['comments', 'BOM'],
    classic: true,
    files: {
      Dockerfile: `\uFEFF${lines('# one', '  # indented', 'FROM base', '', 'LABEL a=1 #no=comment', 'ENV A=#none \\', '# in between', '  B=2')}`,
    },
  },
  {
    name: 'crlf',
    covers: ['CRLF'],
    classic: true,
    files: { Dockerfile: 'FROM base\r\nENV A=1 \\\r\n  B=2\r\nCMD ["x"]\r\n' },
  },
  {
    name: 'dockerignore',
    covers: ['.dockerignore'],
    files: {
      Dockerfile: lines('FROM base', 'COPY . /all'),
      '.dockerignore': file('Dockerfile\n.dockerignore\n'),
      f: file('f'),
    },
  },
  {
    name: 'dockerfile-elsewhere',
    covers: ['-f'],
    query: { dockerfile: 'dir/Other' },
    classic: true,
    files: { 'dir/Other': lines('FROM base', 'COPY f /f'), f: file('f') },
  },
]

/** Only engines of ours have it built in. */
export const builtIn: readonly Case[] = [
  {
    name: 'directive-syntax',
    covers: ['syntax='],
    files: {
      Dockerfile: lines(
        '# syntax=docker/dockerfile:1.7-labs',
        '# check=skip=all;error=true',
        'FROM base',
        'COPY <<EOF /f',
        'x',
        'EOF',
      ),
    },
  },
  {
    name: 'directive-syntax-other',
    covers: ['syntax='],
    files: { Dockerfile: lines('# syntax=example.com/other/frontend:2', 'FROM base') },
  },
  {
    name: 'directive-check-error',
    covers: ['check='],
    files: { Dockerfile: lines('# check=error=true', 'FROM base as one', 'MAINTAINER x') },
  },
]
