#!/usr/bin/env bash
# The whole flow on this machine: build, start the mock of AWS IoT Core, provision one device by claim,
# let it talk, show what was created, stop everything. No account, no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source cmake/packages.sh

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }

# shellcheck disable=SC2086
need_packages $build_packages || exit 3

say "Building"
# What ./test.sh has built serves as well. FLEETPROV_DEMO_FRESH=1: a build of the demo's own all the same.
build=build/demo
if [ -e build/test/build.ninja ] && [ "${FLEETPROV_DEMO_FRESH:-0}" != 1 ]; then build=build/test; else
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFLEETPROV_BUILD_TESTS=OFF -DFLEETPROV_BUILD_EXAMPLES=OFF >/dev/null
fi
cmake --build "$build" --target fleetprov_cli fleetprov_mock_plugin
fleetprov=$PWD/$build/bin/fleetprov

work=$(mktemp -d)
mock_pid=""
finish() {
  [ -z "$mock_pid" ] || { kill "$mock_pid" 2>/dev/null && wait "$mock_pid" 2>/dev/null; } || :
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "Starting the mock on free ports"
mkfifo "$work/ready"
"$fleetprov" mock --dir "$work/mock" --port 0 --http-port 0 --format json >"$work/ready" &
mock_pid=$!
IFS= read -r -t 60 ready <"$work/ready" || { echo "the mock did not start" >&2; exit 3; }
member() { printf '%s' "$ready" | sed -n "s/.*\"$1\" *: *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; }
endpoint="$(member host):$(member port)"
url=$(member url)
ca=$(member ca_file)
echo "MQTT $endpoint, HTTP $url"

# One request to the mock's HTTP control plane, with nothing but bash.
get() {
  local address=${url#http://}
  exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%b\r\n' "$1" "$address" "${2:-}" >&3
  sed '1,/^\r*$/d' <&3
  exec 3<&- 3>&-
  echo
}

say "Provisioning device SerialNumber=1 by claim"
"$fleetprov" provision --endpoint "$endpoint" --cert "$(member certificate)" --key "$(member private_key)" --ca-file "$ca" \
  --template-name fleet-basic --template-parameters '{"SerialNumber":"1"}' --out "$work/device"
thing=$(sed -n 's/.*"thing_name" *: *"\([^"]*\)".*/\1/p' "$work/device/device.json")

say "Connecting as $thing with its own certificate: 10 messages on sdk/test/cpp"
"$fleetprov" pubsub --endpoint "$endpoint" --cert "$work/device/device.pem.crt" --key "$work/device/device.pem.key" \
  --ca-file "$ca" --client-id "$thing" --topic sdk/test/cpp --message "hello from $thing" --count 10

say "What was created"
echo "things:       $(get /things)"
echo "principals:   $(get "/things/$thing/principals")"
echo "certificates: $(get /certificates)"

say "Done: $thing is provisioned, 10 of 10 messages came back; stopping the mock"
