#!/usr/bin/env bash
# Ways to use the toolkit from another project: installed (CMake with components, pkg-config) and as a
# subdirectory; two translation units each. A build of headers only, so that nothing else needs to be built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${FLEETPROV_SOURCE:-$(cd "$here/../.." && pwd)}
export CXX=${FLEETPROV_CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log"; echo "failed: $*"; exit 1; }; }

quietly cmake -S "$source_dir" -B "$work/build" -DCMAKE_INSTALL_PREFIX="$work/prefix" -DFLEETPROV_BUILD_TESTS=OFF -DFLEETPROV_BUILD_CLI=OFF \
  -DFLEETPROV_BUILD_MOCK_BROKER=OFF -DFLEETPROV_BUILD_EXAMPLES=OFF -DFLEETPROV_BUILD_BENCHMARKS=OFF -DFLEETPROV_INSTALL=ON
quietly cmake --install "$work/build"

# Every header is installed, but for adapters to libraries that this machine lacks.
(cd "$source_dir/include" && find fleetprov -name '*.hpp' | sort) > "$work/in_source"
(cd "$work/prefix/include" && find fleetprov -name '*.hpp' | sort) > "$work/installed"
missing=$(comm -23 "$work/in_source" "$work/installed")
[ -e /usr/include/mqtt/async_client.h ] || [ -e /usr/include/MQTTAsync.h ] || missing=$(echo "$missing" | grep -v adapters/server_trust.hpp || :)
[ -e /usr/include/mqtt/async_client.h ] || missing=$(echo "$missing" | grep -v adapters/paho.hpp || :)
[ -e /usr/include/MQTTAsync.h ] || missing=$(echo "$missing" | grep -v adapters/paho_c.hpp || :)
[ -e /usr/include/mosquitto.h ] || missing=$(echo "$missing" | grep -v adapters/mosquitto.hpp || :)
if [ -n "$missing" ]; then echo "not installed:"; echo "$missing"; exit 1; fi

for consumer in core full; do
  quietly cmake -S "$here/$consumer" -B "$work/$consumer" -DCMAKE_PREFIX_PATH="$work/prefix"
  quietly cmake --build "$work/$consumer"
  "$work/$consumer/consumer" || { echo "$consumer: the consumer fails"; exit 1; }
  echo "find_package, $consumer: good"
done

for json in installed none target; do
  quietly cmake -S "$here/subdirectory" -B "$work/subdirectory-$json" -DFLEETPROV_SOURCE="$source_dir" -DJSON=$json
  quietly cmake --build "$work/subdirectory-$json"
  "$work/subdirectory-$json/consumer" || { echo "subdirectory, $json: the consumer fails"; exit 1; }
  echo "add_subdirectory, nlohmann/json $json: good"
done

if command -v pkg-config >/dev/null; then
  pc=$(dirname "$(find "$work/prefix" -name fleetprov-core.pc)")
  flags=$(PKG_CONFIG_PATH="$pc" pkg-config --cflags fleetprov-core)
  quietly "$CXX" -std=c++17 $flags -I"$here/core" "$here/core/main.cpp" "$here/other.cpp" -o "$work/by_pkg_config"
  "$work/by_pkg_config"
  version=$(PKG_CONFIG_PATH="$pc" pkg-config --modversion fleetprov-core)
  grep -q "FLEETPROV_VERSION \"$version\"" "$source_dir/include/fleetprov/version.hpp"
  quietly cmake --install "$work/build" --prefix "$work/elsewhere"
  moved=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/elsewhere" -name fleetprov-core.pc)") pkg-config --variable=includedir fleetprov-core)
  [ "$moved" -ef "$work/elsewhere/include" ] || { echo "pkg-config: installed elsewhere, the headers are said to be in $moved"; exit 1; }
  echo "pkg-config: good"
else
  echo "skipped: no pkg-config"
fi
