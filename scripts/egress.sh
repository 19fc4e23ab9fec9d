#!/usr/bin/env bash
# `npm run egress [-- VITEST-ARGUMENTS]`: runs the end-to-end tests in a network that has only loopback, and lists every connection elsewhere that
# their processes attempted. Needs root (or a user who may create namespaces), strace and iproute2; everything that tests fetch must be in the cache.
set -uo pipefail
cd "$(dirname "$0")/.."
# `--exec PROGRAM ...` watches another program than the tests.
if [ "${1:-}" = --exec ]; then
  shift
else
  if (($# == 0)); then set -- --project e2e; fi
  set -- node node_modules/vitest/vitest.mjs run "$@"
fi
for program in unshare strace ip; do
  command -v "$program" >/dev/null || { echo "$program is not installed."; exit 2; }
done
log=$(mktemp "${TMPDIR:-/tmp}/braid-egress-XXXXXX")
trap 'rm -f "$log"' EXIT

# strace stops a process only at calls that can name an address. `-Y` adds the program's name.
unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh \
  strace -f -Y --seccomp-bpf -qq -e trace=connect,sendto,sendmsg -e signal=none -o "$log" "$@"
status=$?

# Datagrams and streams to an address outside this machine, or to a name server.
tried=$(grep -aE 'sa_family=AF_INET6?,' "$log" | grep -avE 'sin_addr=inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.[0-9.]+)"|sin_addr=inet_addr\("0\.0\.0\.0"\)'
  grep -aE 'sin6?_port=htons\(53\)' "$log")
calls=$(grep -ac 'AF_INET' "$log")
# The browser that shows the page asks the system for an IPv6 route with a datagram socket that sends nothing.
browser=$(grep -aE '^[0-9]+<(chromium|chrome|ThreadPoolForeg|NetworkService|Chrome_ChildIOT)' <<<"$tried")
ours=$(grep -avE '^[0-9]+<(chromium|chrome|ThreadPoolForeg|NetworkService|Chrome_ChildIOT)|^$' <<<"$tried")
echo "Exit code $status. Calls that named an internet address: $calls."
echo "To other machines, by the test browser itself: $(grep -c . <<<"$browser")"
[ -z "$browser" ] || sed -E 's/^[0-9]+<([^>]*)>.*(inet_addr\("[^"]*"\)|inet_pton\(AF_INET6, "[^"]*").*/  \1 \2/' <<<"$browser" | sort | uniq -c
echo "To other machines, by Braid: $(grep -c . <<<"$ours")"
[ -z "$ours" ] || head -50 <<<"$ours"
[ "$status" = 0 ] && [ -z "$ours" ]
