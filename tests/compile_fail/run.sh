#!/usr/bin/env bash
# Misuse must not compile, and must fail for the reason we say.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${FLEETPROV_SOURCE:-$(cd "$here/../.." && pwd)}
cxx=${FLEETPROV_CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-Wall -Wextra -Werror -I $source_dir/include -fsyntax-only"

expected=(
  "" # cases count from 1
  "nodiscard"
  "deleted (function|constructor).*secret|secret.*deleted"
  "(no match for|invalid operands).*(operator|binary expression)"
  "not a message of fleetprov/payloads/messages.hpp"
  "(conversion|viable).*secret"
  "(no matching (function|constructor)|no default constructor).*template_name"
  "(constant expression|not usable|non-constant|abort)"
  "inline_text counts its bytes in 16 bits"
)
failed=0
for case in 1 2 3 4 5 6 7 8; do
  if ! "$cxx" -std=c++17 $flags -DCASE=$case "$here/cases.cpp" 2> "$work/log"; then
    echo "case $case: the good build fails"; cat "$work/log"; failed=1
  fi
  if "$cxx" -std=c++17 $flags -DCASE=$case -DBAD "$here/cases.cpp" 2> "$work/log"; then
    echo "case $case: the bad build passes"; failed=1
  elif ! grep -qE "${expected[$case]}" "$work/log"; then
    echo "case $case: the bad build fails without: ${expected[$case]}"; head -20 "$work/log"; failed=1
  fi
done
echo '#include <fleetprov/config.hpp>' > "$work/old.cpp"
if "$cxx" -std=c++14 $flags "$work/old.cpp" 2> "$work/log" || ! grep -q 'fleetprov needs C++17' "$work/log"; then
  echo "C++14 is not refused with our message"; failed=1
fi
[ "$failed" = 0 ] && echo "8 cases of misuse are refused for their reason, and so is C++14"
exit "$failed"
