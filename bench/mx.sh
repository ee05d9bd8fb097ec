#!/usr/bin/env bash
# mx.sh BUILD [ZONE-DOMAINS]: smtp-mx beside dig and adns, in one run, in turns.
#
# nsd (one process, on loopback) holds 100,000 domains with two MX each and the
# addresses of the hosts; names are drawn at random. A line for each run:
# tool, names, seconds, names a second, CPU microseconds a name.
#   mx        smtp-mx --mx-only     beside dig -f, four dig at once, adnshost by 200
#   mx_addr   smtp-mx               MX and addresses
#   mx_far    smtp-mx               the same with 50 ms added to each answer
#   one       one name, smtp-mx beside dig: milliseconds
#   memory    peak, with 1,000,000 lines
set -euo pipefail
BUILD=$(cd "$1" && pwd) N=${2:-100000} REPS=${REPS:-3}
here=$(cd "$(dirname "$0")" && pwd)
"$here/../scripts/need.sh" 'run the benches' nsd=nsd dig=bind9-dnsutils adnshost=adns-tools bc=bc /usr/bin/time=time \
    /usr/bin/python3=python3
W=$(mktemp -d "${TMPDIR:-/var/tmp}/smtputils-bench.XXXXXX"); cd "$W"
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$W"' EXIT
PORT=${PORT:-$((20000 + RANDOM % 20000))}
awk -v n="$N" 'BEGIN {
    print "$ORIGIN test.\n$TTL 3600\n@ IN SOA ns root 1 3600 600 86400 3600\n@ IN NS ns\nns IN A 127.0.0.1"
    for (i = 0; i < n; i++) printf "d%06d IN MX 10 mx1.d%06d\nd%06d IN MX 20 mx2.d%06d\nmx1.d%06d IN A 127.1.%d.%d\nmx2.d%06d IN A 127.2.%d.%d\n", \
        i, i, i, i, i, int(i / 256) % 256, i % 256, i, int(i / 256) % 256, i % 256
}' >test.zone
awk -v n="$N" 'BEGIN { srand(7); for (i = 0; i < n; i++) printf "d%06d.test\n", int(rand() * n) }' >names
cat >nsd.conf <<CONF
server:
  ip-address: 127.0.0.1
  port: $PORT
  username: ""
  chroot: ""
  zonesdir: "$W"
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "$W/zone.list"
  rrl-ratelimit: 0
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: test.zone
CONF
nsd -d -c nsd.conf >nsd.log 2>&1 &
until dig -p "$PORT" @127.0.0.1 +short +tries=1 +timeout=1 MX d000001.test | grep -q mx1; do :; done

# run NAME NAMES COMMAND...: one line
run() { local name=$1 n=$2 t; shift 2
    t=$(/usr/bin/time -f '%e %U %S' "$@" 2>&1 >out) || :
    awk -v t="$name" -v n="$n" 'END { printf "%-10s %8d %8.2f s %8.0f/s %6.1f us\n", t, n, $1, n / $1, ($2 + $3) * 1e6 / n }' <<<"$(tail -1 <<<"$t")"
}
ours() { "$BUILD/smtp-mx" --resolver "127.0.0.1:$PORT" "$@"; }
dig_f() { dig -p "$PORT" @127.0.0.1 +short MX -f "$1"; }
dig4() { split -n l/4 "$1" part.; for f in part.*; do dig_f "$f" & done; wait $(jobs -p | tail -4); }
adns() { xargs -n 200 adnshost -Cf "$W/resolv.conf" -a -t mx- <"$1"; }
export -f ours dig_f dig4 adns; export BUILD PORT W
echo "nameserver 127.0.0.1" >resolv.conf
for rep in $(seq "$REPS"); do
    run mx "$N" bash -c 'ours --mx-only <names'
    run dig "$N" bash -c 'dig_f names'
    run dig4 "$N" bash -c 'dig4 names'
    run mx_addr "$N" bash -c 'ours <names'
done
# 50 ms on the way back.
FAR=$((PORT + 1))
/usr/bin/python3 - "$FAR" "$PORT" <<'PY' &
import asyncio, sys
near, far = int(sys.argv[2]), int(sys.argv[1])
class Back(asyncio.DatagramProtocol):
    def __init__(self, front, to): self.front, self.to = front, to
    def datagram_received(self, data, _):
        asyncio.get_running_loop().call_later(0.05, self.front.sendto, data, self.to)
class Front(asyncio.DatagramProtocol):
    def __init__(self): self.backs = {}
    def connection_made(self, transport): self.t = transport
    def datagram_received(self, data, source):
        asyncio.ensure_future(self.on(data, source))
    async def on(self, data, source):
        if source not in self.backs:
            self.backs[source] = (await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Back(self.t, source), remote_addr=("127.0.0.1", near)))[0]
        self.backs[source].sendto(data)
async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Front, local_addr=("127.0.0.1", far))
    await asyncio.Event().wait()
asyncio.run(main())
PY
until dig -p "$FAR" @127.0.0.1 +short +tries=1 +timeout=1 MX d000001.test | grep -q mx1; do :; done
head -20000 names >names.far
run mx_far 20000 "$BUILD/smtp-mx" --resolver "127.0.0.1:$FAR" <names.far
# One name: the median of 51 calls each, in turns.
for i in $(seq 51); do
    for tool in ours dig; do
        t0=$EPOCHREALTIME
        case $tool in
        ours) "$BUILD/smtp-mx" --resolver "127.0.0.1:$PORT" --mx-only d000001.test >/dev/null ;;
        dig) dig -p "$PORT" @127.0.0.1 +short MX d000001.test >/dev/null ;;
        esac
        echo "$tool $(echo "($EPOCHREALTIME - $t0) * 1000" | bc)"
    done
done >one.txt
for tool in ours dig; do
    printf 'one %-6s %s ms (median of 51)\n' "$tool" "$(awk -v t=$tool '$1 == t { print $2 }' one.txt | sort -n | sed -n 26p)"
done
for i in $(seq 10); do cat names; done | /usr/bin/time -f 'memory     1,000,000 lines: %M KiB' "$BUILD/smtp-mx" --resolver "127.0.0.1:$PORT" --mx-only 2>&1 >/dev/null | tail -1
