#!/bin/bash
# relay.sh BUILD: end to end: smtp-source into the server, its queue, smtp-sink.
# N (4000) messages of SIZE (4096) octets, 10 sessions; the clock stops when the
# sink has them all. Ours beside Postfix in one run, in alternation, as root.
OURS=$(cd "$1" && pwd); export OURS
. "$(dirname "$0")/lib.sh"
N=${N:-4000} SIZE=${SIZE:-4096} REPS=${REPS:-3} LIMIT=${LIMIT:-180}
devlog_start; trap 'sink_stop; devlog_stop' EXIT
raw=$RESULTS/relay-$(date +%Y%m%d-%H%M%S).tsv
one() { local c=$1 got t0 t1 u0 u1 end
    sink_start; contender "$c" start relay >/dev/null 2>&1
    u0=$(cg_cpu_us "$c"); t0=$(now); source_run -s 10 -d -m "$N" -l "$SIZE" "127.0.0.1:$(contender "$c" port)" >/dev/null
    end=$((SECONDS + LIMIT))
    while got=$(sink_count); [ "${got:-0}" -lt "$N" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done
    t1=$(now); u1=$(cg_cpu_us "$c"); contender "$c" stop >/dev/null 2>&1
    printf 'relay\t%s\trate=%s cpu_us=%s arrived=%s of=%s\n' "$c" "$(echo "scale=1; ${got:-0} / ($t1 - $t0)" | bc)" \
        $(((u1 - u0) / N)) "${got:-0}" "$N" | tee -a "$raw"
    contender "$c" clean; sink_stop; }
for rep in $(seq "$REPS"); do one ours; one postfix; done
python3 "$BENCH/ratio.py" "$raw" relay
