# smtputils, in the tree of the load client, its spool on the same file system
# as the peers'. $OURS: the release programs.
NAME=ours PORT=21425 R=$LAB/load
port() { echo $PORT; }
# modes: accept  durable intake, nothing tried
#        defer   as accept
#        relay   everything goes on to the sink
config() {
    mountproc load    # the runner starts its worker by its own path
    mkdir -p "$R/bench" "$R/etc/smtputils" "$R/var/spool"
    cp "$OURS"/smtp-send "$OURS"/smtp-queue "$OURS"/smtp-serve "$R/bench/"; ln -sf smtp-send "$R/bench/sendmail"
    inroot load id smtputils >/dev/null 2>&1 || inroot load useradd --system --user-group --home-dir /nonexistent smtputils
    local route="to = \"smtp://127.0.0.1:$SINKPORT\""; [ "$1" = relay ] || route='to = "hold:"'
    cat >"$R/etc/smtputils/config.toml" <<END
hostname = "ours.bench.test"
local_domains = []
spool = "/var/spool/smtputils"
log = "none"
${OURS_EXTRA:-}
[serve]
relay_from = ["127.0.0.0/8"]
max_sessions_per_address = 200
[[route]]
match = ["*"]
$route
END
}
# The server starts a runner after a message unless one is resident; the bench
# wants intake alone, so a lock is held in its place.
runner_lock() { cg_run ours-lock python3 -c '
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o660)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
time.sleep(100000)' "$R/var/spool/smtputils/run.lock" & }
start() { config "${1:-relay}"
    inroot load /bench/smtp-queue run >/dev/null
    [ "${1:-relay}" = relay ] || runner_lock
    cg_inroot $NAME load /bench/smtp-serve --listen 127.0.0.1:$PORT >/dev/null 2>"$RUN/ours.err" & wait_port $PORT; }
stop()  { cg_kill $NAME; cg_kill ours-lock; }
clean() { rm -rf "$R"/var/spool/smtputils/{new,cur,state,.Hold/new,.Hold/cur}/*; }
count() { find "$R"/var/spool/smtputils/{new,cur,.Hold} -type f -name '*,S=*' | wc -l; }
inject() { source_run -s 20 -d -m "$1" -l "$2" "127.0.0.1:$PORT"; }
drain() { config relay; cg_kill ours-lock; cg_inroot $NAME load /bench/smtp-queue run >/dev/null 2>&1 & }
sendmail_root() { echo load; }
sendmail_cmd() { echo /bench/sendmail -t -i -odq; }
