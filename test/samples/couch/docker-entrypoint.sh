#!/bin/sh
set -e

# First run: the volume is empty.
if [ ! -e "$COUCH_DATA/welcome.json" ]; then
  echo '{"couch":"Welcome"}' > "$COUCH_DATA/welcome.json"
  chown couch:couch "$COUCH_DATA/welcome.json"
fi

exec "$@"
