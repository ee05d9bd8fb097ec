#!/usr/bin/env bash
# run.sh BUILD: ours beside Postfix and dma in one run, interleaved, as root.
#
#   invoke   one call of `sendmail -t -i` with 2 KiB, queue only, durable
#   memory   peak resident memory of that call, and with 100 MiB
#   accept   durable intake over SMTP, 4 KiB, 10 sessions
#   deliver  a queue of 4 KiB messages to smtp-sink
#
# The peers live in a lab (LAB, default /var/tmp/smtputils-lab): Debian trees on
# a journalled ext4 image of LABIMG_GB, built at the first run. REPS repetitions.
set -uo pipefail
OURS=$(cd "$1" && pwd); export OURS
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo 'bench: must run as root (trees, cgroups)' >&2; exit 77; }
export LAB=${LAB:-/var/tmp/smtputils-lab} LABIMG_GB=${LABIMG_GB:-5}
"$here/../scripts/need.sh" 'run the benches' gcc=gcc debootstrap=debootstrap bc=bc strace=strace python3=python3
"$here/peers-setup.sh" "$LAB" >&2
. "$here/lib.sh"
REPS=${REPS:-3} N=${N:-200} QUEUE=${QUEUE:-5000}
devlog_start; trap 'sink_stop; devlog_stop' EXIT
raw=$RESULTS/$(date +%Y%m%d-%H%M%S).tsv

MSG=$RUN/msg2k
{ printf 'From: Sender <sender@bench.test>\nTo: rcpt@far.example\nSubject: bench message\n\n'
  head -c 1880 /dev/zero | tr '\0' 'x' | fold -w 72; echo; } >"$MSG"

invoke() { local c=$1 r cmd o
    contender "$c" start defer >/dev/null 2>&1; r=$(contender "$c" sendmail_root); cmd=$(contender "$c" sendmail_cmd)
    if [ -n "$r" ]; then mkdir -p "$LAB/$r/bench"; cp "$RUN/spawn" "$MSG" "$LAB/$r/bench/"
        o=$(inroot "$r" /bench/spawn -n "$N" -i /bench/msg2k -- $cmd)
    else o=$("$RUN/spawn" -n "$N" -i "$MSG" -- $cmd); fi
    printf 'invoke\t%s\t%s\tqueued=%s\n' "$c" "$o" "$(contender "$c" count)" >>"$raw"
    contender "$c" stop >/dev/null 2>&1; contender "$c" clean; }
big() {     # peak memory with 100 MiB
    contender ours start defer >/dev/null 2>&1
    { cat "$MSG"; head -c 104857600 /dev/zero | tr '\0' 'x' | fold -w 72; } >"$LAB/load/bench/msg100m"
    printf 'memory\tours\t%s\n' "$(inroot load /bench/spawn -n 3 -i /bench/msg100m -- /bench/sendmail -t -i -odq)" >>"$raw"
    rm -f "$LAB/load/bench/msg100m"; contender ours stop >/dev/null 2>&1; contender ours clean; }
accept() { local c=$1 n=4000 port t0 t1 u0 u1
    contender "$c" start accept >/dev/null 2>&1; port=$(contender "$c" port)
    source_run -s 10 -d -m 50 -l 4096 "127.0.0.1:$port" >/dev/null 2>&1
    u0=$(cg_cpu_us "$c"); t0=$(now); source_run -s 10 -d -m $n -l 4096 "127.0.0.1:$port" >/dev/null; t1=$(now); u1=$(cg_cpu_us "$c")
    printf 'accept\t%s\trate=%s cpu_us=%s queued=%s\n' "$c" "$(echo "scale=1; $n / ($t1 - $t0)" | bc)" $(((u1 - u0) / n)) "$(contender "$c" count)" >>"$raw"
    contender "$c" stop >/dev/null 2>&1; contender "$c" clean; }
deliver() { local c=$1 have t0 t1 u0 u1 got end
    sink_start; contender "$c" start accept >/dev/null 2>&1
    contender "$c" inject "$QUEUE" 4096 >/dev/null 2>&1; have=$(contender "$c" count); sync
    u0=$(cg_cpu_us "$c"); t0=$(now); contender "$c" drain >/dev/null 2>&1
    end=$((SECONDS + 120))
    while got=$(sink_count); [ "${got:-0}" -lt "$have" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done
    t1=$(now); u1=$(cg_cpu_us "$c")
    printf 'deliver\t%s\trate=%s cpu_us=%s arrived=%s of=%s\n' "$c" "$(echo "scale=1; ${got:-0} / ($t1 - $t0)" | bc)" $(((u1 - u0) / have)) "${got:-0}" "$have" >>"$raw"
    contender "$c" stop >/dev/null 2>&1; contender "$c" clean; sink_stop; }

for rep in $(seq "$REPS"); do
    for c in hello ours dma postfix; do invoke $c; done
    for c in ours postfix; do accept $c; done
    for c in ours postfix; do deliver $c; done
done
big
python3 "$here/table.py" "$raw"
echo "raw figures: $raw"
