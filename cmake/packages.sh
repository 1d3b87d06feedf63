# Sourced by demo.sh and test.sh: `need_packages NAME...` installs the Debian/Ubuntu packages that are
# missing, or says which ones and stops where it cannot.

missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || printf '%s ' "$name"
  done
}

need_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "not a Debian or Ubuntu system: expecting these to be installed already: $*" >&2
    return 0
  fi
  local missing as_root=""
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
      as_root="sudo"
    else
      echo "cannot install packages as this user. Please run:" >&2
      echo "  sudo apt-get install $missing" >&2
      return 1
    fi
  fi
  echo "installing: $missing" >&2
  # shellcheck disable=SC2086
  if ! { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing; } >/dev/null; then
    echo "could not install: $missing" >&2
    return 1
  fi
}

build_packages="g++ cmake ninja-build nlohmann-json3-dev libssl-dev libsqlite3-dev libcli11-dev libcpp-httplib-dev
  libpaho-mqtt-dev libpaho-mqttpp-dev libmosquitto-dev mosquitto mosquitto-dev"
long_packages="clang-tidy gcovr libclang-rt-14-dev llvm rsync valgrind libbenchmark-dev"
test_packages="catch2 librapidcheck-dev mosquitto-clients clang pkg-config python3 curl"
