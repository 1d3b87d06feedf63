#!/usr/bin/env bash
# fleetprov::core builds and runs with -fno-exceptions -fno-rtti while nlohmann/json and OpenSSL cannot be
# reached; the topics' object code neither allocates nor throws.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${FLEETPROV_SOURCE:-$(cd "$here/../.." && pwd)}
cxx=${FLEETPROV_CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/poison/nlohmann/detail/input" "$work/poison/nlohmann/detail/conversions" "$work/poison/openssl"
for name in json json_fwd detail/input/lexer detail/input/input_adapters detail/conversions/to_chars; do
  echo '#error "the core must not reach nlohmann/json"' > "$work/poison/nlohmann/$name.hpp"
done
for name in ssl evp x509 x509v3 bio pem rsa ec err crypto sha; do
  echo '#error "the core must not reach OpenSSL"' > "$work/poison/openssl/$name.h"
done

# The headers of fleetprov::core, as include/CMakeLists.txt lists them.
(
  cd "$source_dir/include"
  for header in fleetprov/version.hpp fleetprov/config.hpp $(find fleetprov/core fleetprov/topics -name '*.hpp' | sort) \
                fleetprov/payloads/messages.hpp fleetprov/provisioning/machine.hpp; do
    echo "#include <$header>"
  done
) > "$work/all_core_headers.hpp"
count=$(wc -l < "$work/all_core_headers.hpp")
[ "$count" -ge 15 ] || { echo "only $count core headers found"; exit 1; }

# error_category.hpp derives from std::error_category: virtual functions, but no RTTI of its own.
flags="-std=c++17 -O1 -fno-exceptions -fno-rtti -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
"$cxx" $flags -isystem "$work/poison" -I "$source_dir/include" -I "$work" "$here/core.cpp" -o "$work/core"
"$work/core"

# The poison works: a header that needs JSON must fail here, with its message.
echo '#include <fleetprov/json/document.hpp>' > "$work/poisoned.cpp"
if "$cxx" $flags -isystem "$work/poison" -I "$source_dir/include" -fsyntax-only "$work/poisoned.cpp" 2> "$work/log"; then
  echo "json/document.hpp compiled against the poison"; exit 1
fi
grep -q 'must not reach nlohmann/json' "$work/log"

"$cxx" $flags -Os -I "$source_dir/include" -c "$here/topics_only.cpp" -o "$work/topics_only.o"
if nm -C --undefined-only "$work/topics_only.o" | grep -E 'operator new|operator delete|malloc|__cxa_|throw_|std::locale|ios_base'; then
  echo "the topics allocate or throw"; exit 1
fi
if nm -C "$work/topics_only.o" | grep -E '_GLOBAL__sub_I|__static_initialization'; then
  echo "the topics have static constructors"; exit 1
fi
echo "$count core headers and the codec without exceptions, RTTI, JSON or OpenSSL"
