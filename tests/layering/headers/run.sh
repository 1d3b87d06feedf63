#!/usr/bin/env bash
# Every header compiles alone and silently with the first compiler; a second one takes all of them together and each
# adapter. The JSON library is precompiled for headers that reach it (they include it before anything of their own).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${FLEETPROV_SOURCE:-$(cd "$here/../../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work source_dir
export flags="-std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I$source_dir/include -I$work"

compilers=()
for compiler in g++ clang++; do
  if command -v "$compiler" >/dev/null; then compilers+=("$compiler"); else echo "skipped: no $compiler"; fi
done
[ ${#compilers[@]} -gt 0 ] || { echo "skipped: no compiler found"; exit 77; }

echo '#include <nlohmann/json.hpp>' > "$work/with_json.hpp"
for compiler in "${compilers[@]}"; do
  if [ "$compiler" = g++ ]; then g++ $flags -x c++-header "$work/with_json.hpp" -o "$work/with_json.hpp.gch"
  else clang++ $flags -x c++-header "$work/with_json.hpp" -o "$work/with_json.pch"; fi
done

one() {
  compiler=$1 header=$2 first=""
  file="$work/$compiler.$(echo "$header" | tr '/' '_').cpp"
  # Twice: a header that lacks its guard does not compile.
  printf '#include <%s>\n#include <%s>\n' "$header" "$header" > "$file"
  case $header in
    fleetprov/fleetprov.hpp|fleetprov/json/document.hpp|fleetprov/policies/*|fleetprov/templates/*|fleetprov/storage/posix_store.hpp)
      if [ "$compiler" = g++ ]; then first="-include $work/with_json.hpp"; else first="-include-pch $work/with_json.pch"; fi;;
  esac
  "$compiler" $flags $first -fsyntax-only "$file" || echo "$compiler does not take $header alone" >> "$work/failed"
}
export -f one

missing=""
[ -e /usr/include/mqtt/async_client.h ] || missing+=" -e adapters/paho.hpp"
[ -e /usr/include/MQTTAsync.h ] || missing+=" -e adapters/paho_c.hpp"
[ -e /usr/include/mosquitto.h ] || missing+=" -e adapters/mosquitto.hpp"
all=$(cd "$source_dir/include" && find fleetprov -name '*.hpp' | sort)
if [ -n "$missing" ]; then all=$(echo "$all" | grep -v $missing); echo "skipped:$missing"; fi
for compiler in "${compilers[@]}"; do
  list=$all
  if [ "$compiler" != "${compilers[0]}" ]; then
    echo "$all" | grep -v -e /adapters/ -e /detail/ | sed 's/.*/#include <&>/' > "$work/every.hpp"
    list="every.hpp $(echo "$all" | grep /adapters/)"
    list=$(echo "$list" | tr ' ' '\n')
  fi
  echo "$list" | sed "s/^/$compiler /"
done > "$work/headers.txt"
xargs -P 2 -L 1 bash -c 'one "$1" "$2"' one < "$work/headers.txt"
if [ -e "$work/failed" ]; then cat "$work/failed"; exit 1; fi
echo "$(wc -l < "$work/headers.txt") header compilations without a word"
