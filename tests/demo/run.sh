#!/usr/bin/env bash
# The demo from another folder, twice, the second time beside a running mock; nothing stays behind.
set -euo pipefail
: "${FLEETPROV_SOURCE:?}" "${FLEETPROV_BIN:?}"
work=$(mktemp -d)
mock_pid=""
trap '[ -z "$mock_pid" ] || { kill "$mock_pid" && wait "$mock_pid"; } || :; rm -rf "$work"' EXIT
cd "$work"

check() {
  grep -q '10 of 10 messages came back' "$1" || { cat "$1"; echo "FAIL: no success line"; exit 1; }
  grep -q 'fleet-1' "$1" || { cat "$1"; echo "FAIL: no thing"; exit 1; }
}
"$FLEETPROV_SOURCE/demo.sh" >first.log 2>&1 || { cat first.log; exit 1; }
check first.log

mkfifo ready
"$FLEETPROV_BIN/fleetprov" mock --ephemeral --port 0 --http-port 0 --format json >ready 2>mock.log &
mock_pid=$!
IFS= read -r -t 60 line <ready
[ -n "$line" ]
"$FLEETPROV_SOURCE/demo.sh" >second.log 2>&1 || { cat second.log; exit 1; }
check second.log
kill "$mock_pid" && wait "$mock_pid"
mock_pid=""
if pgrep -f "$FLEETPROV_SOURCE/build/(demo|test)/bin/fleetprov mock --dir"  >/dev/null 2>&1; then echo "FAIL: something still runs"; exit 1; fi
echo "2 passed, 0 failed"
