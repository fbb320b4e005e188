# shellcheck shell=sh
# Shared by the scripts beside it; sets ROOT and puts the project's Node first on PATH.
set -eu
ROOT=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
RUNTIME=$ROOT/.runtime
NODE_VERSION=24.21.0
NPM_VERSION=11.19.1
PATH=$RUNTIME/node/bin:$PATH
export PATH

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

need_root() {
  [ "$(id -u)" = 0 ] || die "tdocker's engine needs root; type: sudo $1"
}

# Debian packages that are not installed yet, as one apt-get call.
need_packages() {
  missing=
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "not a Debian system: please install what these packages bring:$missing"
  say "setup: installing$missing"
  # The package list of a fresh machine may be empty or old.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$RUNTIME/apt.log" 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$RUNTIME/apt.log" 2>&1 ||
    { cat "$RUNTIME/apt.log" >&2; die "setup: apt-get could not install$missing"; }
}

# npm, run by the project's Node: an older Node makes it choose older packages.
npm_cli() { node "$RUNTIME/npm/bin/npm-cli.js" "$@"; }

# True when FILE exists and holds TEXT.
is_stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }
