#!/usr/bin/env bash
# 1,000 provisioning flows, reloads (SIGHUP) and the end of the plugin in a broker under Valgrind's memcheck.
#   run_under_memcheck.sh FOLDER_OF_PROGRAMS [FLOWS]
set -euo pipefail
bin=$(cd "$1" && pwd)
flows=${2:-1000}
command -v valgrind >/dev/null || { echo "skipped: no valgrind (Debian: valgrind)"; exit 77; }
mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The launcher takes the first mosquitto of PATH.
cat > "$work/mosquitto" <<END
#!/bin/sh
exec valgrind --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \\
  --num-callers=30 --child-silent-after-fork=yes --log-file="$work/memcheck.%p" "$mosquitto" "\$@"
END
chmod +x "$work/mosquitto"
export PATH="$work:$PATH" FLEETPROV_PROGRAM="$bin/fleetprov" FLEETPROV_MOCK_START_SECONDS=600
"$bin/fleetprov_load" --flows "$flows" --clients 4 --handshakes 50 --reload
for report in "$work"/memcheck.*; do
  grep -E 'definitely lost|indirectly lost|ERROR SUMMARY' "$report"
  if ! grep -q 'ERROR SUMMARY: 0 errors' "$report"; then cat "$report"; exit 1; fi
done
