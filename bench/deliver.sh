#!/bin/bash
# deliver.sh BUILD: a queue of N (10000) messages of SIZE (4096) octets to
# smtp-sink, ours beside Postfix in one run, in alternation, as root; beside
# both, smtp-source straight into the sink. REPS (3) repetitions.
OURS=$(cd "$1" && pwd); export OURS
. "$(dirname "$0")/lib.sh"
N=${N:-10000} SIZE=${SIZE:-4096} REPS=${REPS:-3} LIMIT=${LIMIT:-180}
devlog_start; trap 'sink_stop; devlog_stop' EXIT
raw=$RESULTS/deliver-$(date +%Y%m%d-%H%M%S).tsv
source_straight() { local t0 t1
    sink_start; t0=$(now); source_run -s 10 -d -m "$N" -l "$SIZE" "127.0.0.1:$SINKPORT" >/dev/null; t1=$(now); sink_stop
    printf 'deliver\tsource\trate=%s cpu_us=0\n' "$(echo "scale=1; $N / ($t1 - $t0)" | bc)" | tee -a "$raw"; }
one() { local c=$1 have got t0 t1 u0 u1 end=
    sink_start; contender "$c" start accept >/dev/null 2>&1
    contender "$c" inject "$N" "$SIZE" >/dev/null 2>&1; have=$(contender "$c" count); sync; sleep 1
    u0=$(cg_cpu_us "$c"); t0=$(now); contender "$c" drain >/dev/null 2>&1; end=$((SECONDS + LIMIT))
    while got=$(sink_count); [ "${got:-0}" -lt "$have" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done
    t1=$(now); u1=$(cg_cpu_us "$c"); contender "$c" stop >/dev/null 2>&1
    printf 'deliver\t%s\trate=%s cpu_us=%s arrived=%s of=%s\n' "$c" "$(echo "scale=1; ${got:-0} / ($t1 - $t0)" | bc)" \
        $(((u1 - u0) / (have > 0 ? have : 1))) "${got:-0}" "$have" | tee -a "$raw"
    contender "$c" clean; sink_stop; }
for rep in $(seq "$REPS"); do source_straight; one ours; one postfix; done
python3 "$BENCH/ratio.py" "$raw" deliver
