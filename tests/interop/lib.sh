# lib.sh: what every interop case shares. Sourced by run.sh.
# $BUILD: our programs. $PEERS: unpacked Debian packages. $WORK: of this case,
# made anew, owned by the user that our programs run as. $DOWN: how a case that
# runs as root becomes that user; empty for all others.

say()  { printf '     %s\n' "$*"; }
fail() { printf '     %s\n' "$*" >&2; exit 1; }
# same WANTED GOT WHAT
same() { [ "$1" = "$2" ] || fail "$3: wanted '$1', got '$2'"; }
# until_true WHAT COMMAND...: the event, or a failure after 20 seconds
until_true() {
    local what=$1 end=$((SECONDS + 20)); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited 20 s: $what"
        read -rt 0.05 <> <(:) || :
    done; }

# Our site: a spool, a configuration, a server where asked for.
site() {   # site NAME [LINES]: writes NAME.toml; LINES are added
    $DOWN mkdir -p "$WORK/$1/mail"
    cat >"$WORK/$1.toml" <<END
hostname = "$1.example"
origin = "$1.example"
local_domains = ["$1.example"]
local = "maildir:$WORK/$1/mail/{user}"
spool = "$WORK/$1/spool"
log = "none"
${2:-}
END
}
serve() {  # serve NAME OPTIONS...: starts smtp-serve, sets $PORT
    local name=$1; shift
    : >"$WORK/$name.out"
    SMTPUTILS_CONFIG=$WORK/$name.toml $DOWN "$BUILD/smtp-serve" --listen 127.0.0.1:0 "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" &
    until_true "$name listens" grep -q '^listening ' "$WORK/$name.out"
    PORT=$(sed -n 's/^listening .*:\([0-9]*\).*/\1/p' "$WORK/$name.out" | head -1)
}
at() { local name=$1; shift; SMTPUTILS_CONFIG=$WORK/$name.toml PATH=$BUILD:$PATH $DOWN "$@"; }
# empties NAME: the queue is empty within 20 seconds
empties() { until_true "the queue of $1 to empty" bash -c ". '$BUILD/../cases/lib.sh'; [ \"\$(queued $1)\" = 0 ]"; }
# arrive COUNT DIRECTORY: so many files are in it within 20 seconds, and no more
arrive() { until_true "$1 in $2" bash -c "[ \"\$(ls '$2' | wc -l)\" -ge $1 ]"; same "$1" "$(ls "$2" | wc -l)" "files in $2"; }
queued() {
    local ids
    ids=$(at "$1" smtp-queue list --ids) || fail "smtp-queue list said $?"
    grep -c . <<<"$ids" || true
}
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
        -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
}
# sink OPTIONS...: Postfix's smtp-sink on a free port, sets $SINK; mail in $WORK/sink
sink() {
    mkdir -p "$WORK/sink"
    local try
    for try in 1 2 3 4 5; do
        SINK=$((20000 + RANDOM % 20000))
        (cd "$WORK/sink" && exec smtp-sink -c -d '%Y%m%d%H%M%S.' "$@" "127.0.0.1:$SINK" 200 >/dev/null 2>"$WORK/sink.err") &
        SINK_PID=$!
        until_true 'smtp-sink listens' bash -c "! kill -0 $SINK_PID || exec 3<>/dev/tcp/127.0.0.1/$SINK"
        kill -0 $SINK_PID 2>/dev/null && return 0
    done
    fail "smtp-sink does not start: $(cat "$WORK/sink.err")"
}
# sendmail that a mail program is pointed at
our_sendmail() {   # our_sendmail NAME: prints the path of a wrapper
    mkdir -p "$WORK/bin"; ln -sf "$BUILD/smtp-send" "$WORK/bin/sendmail"
    cat >"$WORK/bin/sendmail-$1" <<END
#!/bin/sh
printf '%s\n' "\$*" >>"$WORK/argv"
SMTPUTILS_CONFIG=$WORK/$1.toml exec "$WORK/bin/sendmail" "\$@"
END
    chmod +x "$WORK/bin/sendmail-$1"; echo "$WORK/bin/sendmail-$1"
}
# names ZONE FILE [ZONE FILE...]: nsd with these zones on a free port, sets $NAMES
names() {
    local try zones=
    while [ $# -gt 0 ]; do zones="$zones
zone:
  name: $1
  zonefile: $2"; shift 2; done
    for try in 1 2 3 4 5; do
        NAMES=$((20000 + RANDOM % 20000))
        cat >"$WORK/nsd.$try.conf" <<CONF
server:
  ip-address: 127.0.0.1
  port: $NAMES
  username: ""
  chroot: ""
  zonesdir: "$WORK"
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "$WORK/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
$zones
CONF
        nsd -d -c "$WORK/nsd.$try.conf" >"$WORK/nsd.err" 2>&1 &
        local pid=$!
        until_true 'nsd starts' grep -qE 'started|error' "$WORK/nsd.err"
        ! grep -q 'error' "$WORK/nsd.err" || { wait $pid || :; continue; }
        NAMES=127.0.0.1:$NAMES
        return
    done
    fail 'nsd found no port'
}
