# lib.sh: common parts of the benches. Sourced, never run.
# Environment: LAB      the lab directory made by peers-setup.sh
#              RESULTS  where raw results go (default: results/ beside this file)
#              SINKPORT  the sink that deliveries go to
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${LAB:?set LAB to the lab directory}"
RESULTS=${RESULTS:-$BENCH/results}; mkdir -p "$RESULTS"
SINKPORT=${SINKPORT:-21900}
RUN=$LAB/run; mkdir -p "$RUN"
LIM=$RUN
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# ---- CPU accounting: one cgroup per server --------------------------------
if [ -e /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then CG=/sys/fs/cgroup/cpuacct/smtpbench CGV=1
elif [ -e /sys/fs/cgroup/cgroup.controllers ]; then CG=/sys/fs/cgroup/smtpbench CGV=2
else CG= CGV=0; fi
[ -z "$CG" ] || mkdir -p "$CG" 2>/dev/null || { CG= CGV=0; }
# cg_run NAME CMD...: exec CMD inside the accounting group NAME
cg_run() { local n=$1; shift
    if [ -n "$CG" ]; then mkdir -p "$CG/$n"; sh -c 'echo $$ >"$0"; exec "$@"' "$CG/$n/cgroup.procs" "$@"
    else "$@"; fi; }
cg_cpu_us() { case $CGV in   # CPU microseconds used so far by group NAME
    1) echo $(( $(cat "$CG/$1/cpuacct.usage" 2>/dev/null || echo 0) / 1000 )) ;;
    2) awk '/^usage_usec/{print $2}' "$CG/$1/cpu.stat" 2>/dev/null || echo 0 ;;
    *) echo 0 ;; esac; }
cg_procs() { cat "$CG/$1/cgroup.procs" 2>/dev/null; }
# proportional memory of a group, KiB, and its number of processes
cg_pss() { local t=0 n=0 p k; for p in $(cg_procs "$1"); do
    k=$(awk '/^Pss:/{print $2}' "/proc/$p/smaps_rollup" 2>/dev/null) || continue
    t=$((t + ${k:-0})); n=$((n + 1)); done; echo "$t $n"; }
# end every process of a group (only what cg_run started can be in it)
cg_kill() { local i p; for i in 1 2 3 4 5 6 7 8 9 10; do
    p=$(cg_procs "$1"); [ -n "$p" ] || return 0
    [ "$i" -lt 6 ] && kill $p 2>/dev/null || kill -9 $p 2>/dev/null
    sleep 0.1; done; }
# whole machine, busy CPU microseconds (user+nice+system+irq+softirq)
machine_us() { awk '/^cpu /{printf "%.0f\n", ($2+$3+$4+$7+$8)*10000; exit}' /proc/stat; }

# ---- running things -------------------------------------------------------
inroot() { local r=$1; shift; env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$LAB/$r" "$@"; }
cg_inroot() { local g=$1 r=$2; shift 2
    cg_run "$g" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$LAB/$r" "$@"; }
mountproc() { mountpoint -q "$LAB/$1/proc" || mount -t proc proc "$LAB/$1/proc"; }
wait_port() { local i; for i in $(seq 1 200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0; sleep 0.05; done
    echo "port $1 did not open" >&2; return 1; }
now() { date +%s.%N; }

# the contender: NAME FUNCTION ARGS... in a subshell of its own
contender() { local n=$1; shift; ( . "$BENCH/peers/$n.sh"; "$@" ); }

# a log sink on each tree's /dev/log, so that syslog costs what it costs
devlog_start() { [ -e "$RUN/devlog.pid" ] && kill -0 "$(cat "$RUN/devlog.pid")" 2>/dev/null && return
    local s=() r; for r in "$LAB"/*/; do [ -d "$r/dev" ] && s+=("${r}dev/log"); done
    "$LIM/devlog" "$RUN/maillog" "${s[@]}" >/dev/null 2>&1 & echo $! >"$RUN/devlog.pid"; sleep 0.2; }
devlog_stop() { [ -e "$RUN/devlog.pid" ] && kill "$(cat "$RUN/devlog.pid")" 2>/dev/null; rm -f "$RUN/devlog.pid"; }

# ---- the load client and the sink (Postfix's smtp-source and smtp-sink) ----
SRC="/usr/sbin/smtp-source -4 -f sender@bench.test -t rcpt@far.example"
source_run() { inroot load $SRC "$@"; }   # OPTIONS... HOST:PORT
sink_start() { : >"$RUN/sink.out"
    cg_inroot sink load /usr/sbin/smtp-sink -4 -c -u nobody "127.0.0.1:$SINKPORT" 4096 >"$RUN/sink.out" 2>"$RUN/sink.err" &
    wait_port "$SINKPORT"; }
sink_stop() { cg_kill sink; }
# smtp-sink -c writes its running counters separated by carriage returns
sink_count() { tail -c 200 "$RUN/sink.out" | tr '\r' '\n' | sed -n 's/.*mesg=\([0-9]*\).*/\1/p' | tail -1; }

# ---- figures --------------------------------------------------------------
# med NUM...: median min max
med() { printf '%s\n' "$@" | sort -n | awk '{a[NR]=$1} END{if(!NR)exit; m=NR%2?a[(NR+1)/2]:(a[NR/2]+a[NR/2+1])/2; printf "%g %g %g\n", m, a[1], a[NR]}'; }
