#!/usr/bin/env bash
# Core, topics and machine (no JSON) compile for a Cortex-M4 without exceptions and RTTI; the topics fit 0.9 KB of code.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${FLEETPROV_SOURCE:-$(cd "$here/../.." && pwd)}
cxx=arm-none-eabi-g++
command -v $cxx >/dev/null || { echo "skipped: no $cxx (Debian: gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib)"; exit 77; }
flags="-std=c++17 -mcpu=cortex-m4 -mthumb -Os -ffunction-sections -fdata-sections -fno-exceptions -fno-rtti -fno-threadsafe-statics
       -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I $source_dir/include"
if ! echo '#include <string_view>' | $cxx $flags -x c++ -fsyntax-only - 2>/dev/null; then
  echo "skipped: $cxx has no standard library (Debian: libstdc++-arm-none-eabi-newlib)"; exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '%-10s %8s %8s %8s\n' part text data bss
for part in topics matching machine; do
  $cxx $flags -c "$here/$part.cpp" -o "$work/$part.o"
  arm-none-eabi-size "$work/$part.o" | awk -v part=$part 'NR == 2 { printf "%-10s %8d %8d %8d\n", part, $1, $2, $3 }'
done

# Code alone, without constants (Berkeley "text" counts those, too).
code=$(arm-none-eabi-size -A "$work/topics.o" | awk '$1 ~ /^\.text/ { sum += $2 } END { print sum }')
echo "topics: $code bytes of code"
[ "$code" -le 921 ] || { echo "more than 0.9 KB"; exit 1; }
static=$(arm-none-eabi-size "$work/topics.o" "$work/matching.o" "$work/machine.o" | awk 'NR > 1 { sum += $2 + $3 } END { print sum }')
[ "$static" -eq 0 ] || { echo "$static bytes of RAM before anything runs"; exit 1; }
# Neither heap nor throw in topics; no exception machinery anywhere.
if arm-none-eabi-nm -C --undefined-only "$work/topics.o" "$work/matching.o" | grep -E 'operator new|malloc|throw|__cxa'; then
  echo "the topics allocate or throw"; exit 1
fi
if arm-none-eabi-nm -C --undefined-only "$work/machine.o" | grep -E '__cxa_throw|__cxa_begin_catch|iostream|ios_base'; then
  echo "the machine drags in exceptions or streams"; exit 1
fi
