#!/usr/bin/env bash
# now.sh BUILD: one `smtp-send --now` beside msmtp and swaks, a call of each in
# turn, from fork to exit; N calls (default 60).
#
#   plain     a 2 KiB message to smtp-sink on the loopback
#   starttls  the same with STARTTLS and a certificate that is verified, to our
#             own server; the roots are the system's and one more
#
# Wants at most a sixth of msmtp's and of swaks' time in plain, at most 0.7 of
# msmtp's with STARTTLS; says so and ends with 1 where that is not met.
set -uo pipefail
BUILD=$(cd "$1" && pwd) || exit 66
here=$(cd "$(dirname "$0")" && pwd)
"$here/../scripts/need.sh" 'bench delivery while one waits' openssl=openssl /usr/bin/python3=python3 || exit 69
PEERS=${SMTPUTILS_PEERS:-${TMPDIR:-/tmp}/smtputils-peers-$(id -u)}
"$here/../scripts/unpack.sh" "$PEERS" postfix swaks msmtp libnet-ssleay-perl || exit 69
. "$PEERS/env"
W=$(mktemp -d "${TMPDIR:-/tmp}/smtputils-now.XXXXXX"); cd "$W" || exit 73
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$W"' EXIT
{ printf 'From: me@a.example\nTo: bob@far.example\nSubject: bench\n\n'
  head -c 1900 /dev/zero | tr '\0' 'x' | fold -w 72; echo; } >msg

# An authority beside the system's: bundle and directory as a system has them.
mkdir roots; cp -L /etc/ssl/certs/* roots/ 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=bench root' -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout key.pem -out req.pem 2>/dev/null
printf 'subjectAltName=DNS:localhost\n' >ext
openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem 2>/dev/null
cat ca.pem >>roots/ca-certificates.crt; cp ca.pem "roots/$(openssl x509 -hash -noout -in ca.pem).0"
export SSL_CERT_FILE=$W/roots/ca-certificates.crt SSL_CERT_DIR=$W/roots

cat >client.toml <<END
hostname = "a.example"
origin = "a.example"
spool = "$W/none"
log = "none"
aliases = []
END
cat >server.toml <<END
hostname = "localhost"
origin = "far.example"
local_domains = ["far.example"]
local = "hold:"
spool = "$W/spool"
log = "none"
aliases = []
[serve]
users = ["bob"]
max_sessions_per_address = 200
[tls]
certificate = "$W/cert.pem"
key = "$W/key.pem"
END
if [ "$(id -u)" = 0 ]; then
    sed -i '1i service_user = "nobody"' server.toml; chmod 711 .
    SMTPUTILS_CONFIG=$W/server.toml "$BUILD/smtp-queue" setup || exit 69
fi
SMTPUTILS_CONFIG=$W/server.toml "$BUILD/smtp-serve" --listen 127.0.0.1:0 >serve.out 2>serve.err &
for _ in $(seq 100); do grep -q '^listening ' serve.out && break; read -rt 0.1 <> <(:) || :; done
TLS=$(sed -n 's/^listening .*:\([0-9]*\).*/\1/p' serve.out | head -1)
[ -n "$TLS" ] || { cat serve.err; exit 69; }
PLAIN=$((20000 + RANDOM % 20000))
as=; [ "$(id -u)" != 0 ] || as='-u nobody'
smtp-sink $as -c "127.0.0.1:$PLAIN" 200 >/dev/null 2>sink.err &
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$PLAIN") 2>/dev/null && break; read -rt 0.1 <> <(:) || :; done

export SMTPUTILS_CONFIG=$W/client.toml
/usr/bin/python3 - "$BUILD" "$PLAIN" "$TLS" "${N:-60}" <<'END'
import os, statistics, subprocess, sys, time
build, plain, tls, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
roots = os.environ["SSL_CERT_FILE"]
ours = [build + "/smtp-send", "-f", "me@a.example"]
swaks = ["swaks", "--from", "me@a.example", "--to", "bob@far.example", "--data", "msg", "--hide-all", "--server"]
def msmtp(host, port, *more):
    return ["msmtp", "--file=/dev/null", "--host=" + host, "--port=" + port, "--from=me@a.example", *more, "bob@far.example"]
rounds = {
    "plain": {
        "smtp-send": ours + ["--server", "smtp://127.0.0.1:" + plain, "bob@far.example"],
        "msmtp": msmtp("127.0.0.1", plain, "--tls=off"),
        "swaks": swaks + ["127.0.0.1:" + plain],
    },
    "starttls": {
        "smtp-send": ours + ["--server", "smtp://localhost:" + tls, "--tls", "required", "bob@far.example"],
        "msmtp": msmtp("localhost", tls, "--tls=on", "--tls-starttls=on", "--tls-trust-file=" + roots),
        "swaks": swaks + ["localhost:" + tls, "--tls", "--tls-verify", "--tls-ca-path", roots],
    },
}
wanted = {("plain", "msmtp"): 1 / 6, ("plain", "swaks"): 1 / 6, ("starttls", "msmtp"): 0.7}
bad = 0
print("case\tprogram\tmedian ms\tleast ms\tCPU ms\tfailed\tours to it")
for case, programs in rounds.items():
    wall = {p: [] for p in programs}; cpu = {p: [] for p in programs}; failed = dict.fromkeys(programs, 0)
    for _ in range(n):
        for p, words in programs.items():
            with open("msg") as mail:
                t = time.perf_counter()
                child = subprocess.Popen(words, stdin=mail, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                _, status, used = os.wait4(child.pid, 0)
                wall[p].append(1e3 * (time.perf_counter() - t))
            child.returncode = status
            cpu[p].append(1e3 * (used.ru_utime + used.ru_stime)); failed[p] += status != 0
    for p in programs:
        share = statistics.median(a / b for a, b in zip(wall["smtp-send"], wall[p]))
        limit = wanted.get((case, p))
        miss = limit is not None and share > limit
        bad += miss or failed[p] > 0
        print(f"{case}\t{p}\t{statistics.median(wall[p]):.2f}\t{min(wall[p]):.2f}\t{statistics.median(cpu[p]):.2f}\t{failed[p]}\t{share:.3f}{f' (at most {limit:.3f})' if limit else ''}{' MISSED' if miss else ''}")
sys.exit(bad > 0)
END
