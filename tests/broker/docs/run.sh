#!/usr/bin/env bash
# Runs the `sh` blocks of docs/mock.md, in order, in one shell, as a reader would.
set -u
source_dir=${FLEETPROV_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)}
bin=${FLEETPROV_BIN:-$source_dir/build/dev/bin}
for program in curl python3 mosquitto_rr; do
  command -v "$program" > /dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo 'set -eu'
  echo 'trap '\''status=$?; kill $(jobs -p) 2>/dev/null || :; wait 2>/dev/null || :; exit "$status"'\'' EXIT'
  sed -n '/^```sh$/,/^```$/p' "$source_dir/docs/mock.md" | sed '/^```/d'
  echo 'echo every block of docs/mock.md did what it says'
} > "$work/script"
cd "$work" || exit 1
PATH=$bin:$PATH bash -x script > out 2>&1
status=$?
if [ "$status" -eq 0 ]; then grep '^every block' out; else cat out mock.stderr 2> /dev/null; fi
exit "$status"
