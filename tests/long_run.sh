#!/usr/bin/env bash
# The long checks, apart from ./test.sh. Each part builds what it needs below build/ and can be run alone.
#   tests/long_run.sh [PART...]     default: all of them, in this order
#     sanitized  the toolkit's tests and fuzz replays under AddressSanitizer and UBSan
#     tsan       the mock without a broker (registry, service, workers, hooks, control plane, HTTP) under ThreadSanitizer
#     fuzz       every libFuzzer target for FUZZ_SECONDS (600), two at a time
#     soak       5,000 devices and a hostile crowd
#     mutation   tests/mutation/mutate.py
#     coverage   lines, branches (gcovr) and decisions (clang) of include/ that the tests reach: build/coverage/lines.txt,
#                branches.txt, decisions.txt
#     valgrind   1,000 flows, a reload and the end of the plugin in a broker under memcheck
#     tidy       clang-tidy over the compilation database
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=$(nproc)
source cmake/packages.sh
# shellcheck disable=SC2086
need_packages $build_packages $test_packages || exit 3
for package in $long_packages; do
  need_packages "$package" || echo "going on without $package; the part that needs it will say so" >&2
done

sanitized() { FLEETPROV_SANITIZED=1 ./test.sh -R '^fuzz_replay:topics$'; }

tsan() {
  cmake --preset tsan >/dev/null
  cmake --build --preset tsan --target unit_mock_registry unit_mock_service unit_mock_control_plane unit_mock_plugin unit_mock_http
  for program in unit_mock_registry unit_mock_service unit_mock_control_plane unit_mock_plugin unit_mock_http; do
    echo "$program under TSan"
    local suppressions=""
    if [ "$program" = unit_mock_http ]; then suppressions=:suppressions=$PWD/tests/tsan_http.suppressions; fi
    TSAN_OPTIONS=halt_on_error=1:exitcode=66$suppressions "build/tsan/tests/$program" | tail -3
  done
}

fuzz() {
  local seconds=${FUZZ_SECONDS:-600} work=build/fuzz/work names
  names=$(cd tests/fuzz && ls -- *.cpp | sed 's/\.cpp$//' | grep -v -e replay_main)
  cmake --preset fuzz -DFLEETPROV_BUILD_CLI=ON -DFLEETPROV_BUILD_MOCK_BROKER=ON >/dev/null
  # shellcheck disable=SC2046
  cmake --build --preset fuzz --target $(for name in $names; do echo "fuzz_$name"; done)
  mkdir -p "$work"
  export seconds work
  # shellcheck disable=SC2016
  echo "$names" | xargs -P "$jobs" -I{} bash -c '
    mkdir -p "$work/{}"
    build/fuzz/tests/fuzz_{} -max_total_time="$seconds" -rss_limit_mb=3000 -artifact_prefix="$work/{}." "$work/{}" tests/fuzz/corpus/{} >"$work/{}.log" 2>&1 \
      && echo "{}: $(grep ^Done "$work/{}.log")" || { echo "{}: FAILED, see $work/{}.log"; exit 1; }'
}

soak() {
  cmake --preset test >/dev/null
  cmake --build --preset test --target fleetprov_soak fleetprov_cli fleetprov_mock_plugin
  build/test/bin/fleetprov_soak 2>build/test/soak.log
}

mutation() { tests/mutation/mutate.py; }

# One build with both of clang's instruments. gcov's branches are also the compiler's own (exceptions, destructors); the
# source-based report knows what the source decides.
coverage() {
  if ! { command -v clang++ && command -v llvm-cov && command -v llvm-profdata && command -v gcovr; } >/dev/null; then
    echo "coverage skipped: it needs clang++, llvm-cov, llvm-profdata and gcovr"
    return
  fi
  cmake --preset test -B build/coverage -DFLEETPROV_PRECOMPILE=OFF -DFLEETPROV_BUILD_EXAMPLES=OFF -DFLEETPROV_BUILD_CLI=OFF \
    -DFLEETPROV_BUILD_MOCK_BROKER=OFF -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_CXX_FLAGS="-O0 --coverage -fprofile-update=atomic -fprofile-instr-generate -fcoverage-mapping" >/dev/null
  LLVM_PROFILE_FILE=/dev/null cmake --build build/coverage --target sanitized_tests
  rm -rf build/coverage/profiles
  find build/coverage -name '*.gcda' -delete  # the build asks the programs for their tests
  LLVM_PROFILE_FILE=$PWD/build/coverage/profiles/%m.profraw ctest --test-dir build/coverage -j "$jobs" -L sanitized --output-on-failure | tail -5
  tests/coverage/decisions.py build/coverage >build/coverage/decisions.txt
  gcovr --root . --filter 'include/' --gcov-executable 'llvm-cov gcov' --exclude-throw-branches --exclude-unreachable-branches \
    -j "$jobs" build/coverage --txt build/coverage/lines.txt --json build/coverage/report.json --print-summary
  gcovr --root . --add-tracefile build/coverage/report.json --branches --txt build/coverage/branches.txt
  tail -1 build/coverage/decisions.txt
}

valgrind() {
  cmake --preset release >/dev/null
  cmake --build --preset release --target fleetprov_cli fleetprov_mock_plugin fleetprov_load
  tests/valgrind/run_under_memcheck.sh build/release/bin
}

tidy() {
  cmake --preset test -B build/tidy -DFLEETPROV_PRECOMPILE=OFF >/dev/null  # clang reads no precompiled header of gcc
  run-clang-tidy -quiet -p build/tidy -j "$jobs" 'mock_broker/|cli/|examples/'
}

all="sanitized tsan fuzz soak mutation coverage valgrind tidy"
for part in ${*:-$all}; do
  case " $all " in
    *" $part "*) echo "== $part"; "$part" ;;
    *) echo "no part $part; there are: $all" >&2; exit 2 ;;
  esac
done
