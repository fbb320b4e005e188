/** All that a Dockerfile can say: a case that covers each is asked for. */
import { KEYWORDS } from '../../../../packages/engine/build/dockerfile/node.ts'

const COPY_FLAGS = ['--chown', '--chmod octal', '--chmod symbolic', '--link', '--exclude', '--parents', '--from name', '--from index', '--from image']
const ADD_FLAGS = ['--chown', '--chmod', '--link', '--exclude', '--unpack', '--checksum', '--keep-git-dir']
const RUN_FLAGS = [
  '--mount=type=bind',
  '--mount=type=cache',
  '--mount=type=tmpfs',
  '--mount=type=secret',
  '--mount=type=ssh',
  '--network=none',
  '--network=host',
  '--network=default',
  '--security=sandbox',
  '--security=insecure',
  '--device',
]
const MOUNT_KEYS = [
  'target',
  'dst',
  'destination',
  'source',
  'src',
  'from',
  'ro',
  'readonly',
  'rw',
  'readwrite',
  'id',
  'sharing=shared',
  'sharing=private',
  'sharing=locked',
  'mode',
  'uid',
  'gid',
  'size',
  'required',
  'env',
  'variables',
  'traces',
]

export const LANGUAGE: readonly string[] = [
  ...['FROM', 'FROM AS', 'FROM tag', 'FROM stage', 'FROM scratch', 'FROM --platform'],
  ...['multi-stage', 'unneeded stages', 'stage names of any case', '--target', '--label', '-f'],
  ...['RUN shell', 'RUN exec', 'RUN continued', 'RUN environment', 'RUN changes'],
  ...RUN_FLAGS.map((flag) => `RUN ${flag}`),
  ...MOUNT_KEYS.map((key) => `mount ${key}`),
  ...['COPY', 'COPY json', 'COPY directory', 'COPY wildcards', 'COPY clamped', 'COPY links'],
  ...['COPY dest file', 'COPY dest directory', 'COPY dest relative', 'COPY dest links'],
  ...['COPY owners', 'COPY names', 'COPY xattrs', 'COPY large', 'COPY missing', 'COPY several'],
  ...['COPY file over directory', 'COPY directory over file', 'COPY below file'],
  ...['COPY --parents pivot', 'COPY --parents wildcards', 'COPY --exclude several'],
  ...COPY_FLAGS.map((flag) => `COPY ${flag}`),
  ...['ADD', 'ADD json', 'ADD tar', 'ADD tar.gz', 'ADD tar.bz2', 'ADD tar.xz', 'ADD tar.zst'],
  ...['ADD through links', 'ADD told twice'],
  ...ADD_FLAGS.map((flag) => `ADD ${flag}`),
  ...['heredoc RUN', 'heredoc several', 'heredoc chomp', 'heredoc quoted', 'heredoc shebang'],
  ...['heredoc command', 'heredoc descriptor', 'heredoc COPY', 'heredoc COPY several', 'heredoc ADD'],
  ...['CMD shell', 'CMD exec', 'ENTRYPOINT shell', 'ENTRYPOINT exec', 'ENTRYPOINT resets CMD'],
  ...['ENV', 'ENV several', 'ENV legacy', 'LABEL', 'LABEL several', 'LABEL legacy'],
  ...['EXPOSE', 'EXPOSE protocol', 'EXPOSE range', 'EXPOSE variable'],
  ...['VOLUME words', 'VOLUME json', 'VOLUME variable', 'VOLUME kept'],
  ...['USER name', 'USER name:group', 'USER uid', 'USER uid:gid', 'USER variable'],
  ...['WORKDIR', 'WORKDIR relative', 'WORKDIR links', 'WORKDIR variable', 'WORKDIR of a user'],
  ...['STOPSIGNAL', 'STOPSIGNAL variable', 'SHELL', 'MAINTAINER'],
  ...['HEALTHCHECK CMD', 'HEALTHCHECK CMD exec', 'HEALTHCHECK NONE'],
  ...['--interval', '--timeout', '--start-period', '--start-interval', '--retries'].map(
    (flag) => `HEALTHCHECK ${flag}`,
  ),
  ...['ONBUILD', 'ONBUILD runs', 'ONBUILD COPY --from'],
  ...['ARG', 'ARG default', 'ARG global', 'ARG redeclared', 'ARG several', 'ARG given'],
  ...['ENV over ARG', 'proxy ARG', 'platform ARG'],
  ...['syntax=', 'escape=', 'check=', 'comments', 'BOM', 'CRLF', '.dockerignore'],
  ...['keywords of any case', 'unknown instruction'],
  ...['$v', '${v}', '${v:-w}', '${v-w}', '${v:+w}', '${v+w}', '${v:?e}', '${v?e}', '\\$'],
  ...['${v#p}', '${v##p}', '${v%p}', '${v%%p}', '${v/p/r}', '${v//p/r}'],
  ...['expanded everywhere', 'one environment'],
]

/** Instructions that no form is of: none. */
export const UNNAMED: readonly string[] = KEYWORDS.map((keyword) => keyword.toUpperCase()).filter(
  (keyword) => !LANGUAGE.some((form) => form.split(' ', 1)[0] === keyword),
)
