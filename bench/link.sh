#!/bin/bash
# link.sh BUILD: N (1000) queued messages of SIZE (4096) octets over one
# connection and a link of RTT (100) ms: ours and Postfix to smtp-sink (PIPELINING),
# and ours to smtp-serve (CHUNKING and PIPELINING). POSTFIX_N (200): Postfix does
# three a second. As root.
OURS=$(cd "$1" && pwd); export OURS
. "$(dirname "$0")/lib.sh"
N=${N:-1000} SIZE=${SIZE:-4096} RTT=${RTT:-100} POSTFIX_N=${POSTFIX_N:-200} LIMIT=${LIMIT:-600}
REAL=$SINKPORT LINK=$((SINKPORT + 1)) FAR=$((SINKPORT + 2))
export POSTFIX_EXTRA='default_destination_concurrency_limit=1 smtp_destination_concurrency_limit=1'
export OURS_EXTRA='[delivery]
per_destination = 1'
raw=$RESULTS/link-$(date +%Y%m%d-%H%M%S).tsv
devlog_start
python3 "$BENCH/delay-proxy.py" $LINK 127.0.0.1 "$REAL" $((RTT / 2)) & proxy=$!
far= ; trap 'kill $proxy $far 2>/dev/null; sink_stop; devlog_stop' EXIT
wait_port $LINK
# one WHO LABEL COUNT ARRIVED: ARRIVED prints how many came
one() { local c=$1 label=$2 n=$3 arrived=$4 have got t0 t1 end
    SINKPORT=$LINK contender "$c" start accept >/dev/null 2>&1
    SINKPORT=$LINK contender "$c" inject "$n" "$SIZE" >/dev/null 2>&1; have=$(contender "$c" count); sleep 1
    t0=$(now); SINKPORT=$LINK contender "$c" drain >/dev/null 2>&1; end=$((SECONDS + LIMIT))
    while got=$($arrived); [ "${got:-0}" -lt "$have" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done
    t1=$(now); contender "$c" stop >/dev/null 2>&1; contender "$c" clean
    printf 'link\t%s\trate=%s round_trips=%s arrived=%s of=%s\n' "$label" "$(echo "scale=2; ${got:-0} / ($t1 - $t0)" | bc)" \
        "$(echo "scale=2; ($t1 - $t0) * 1000 / $RTT / $have" | bc)" "${got:-0}" "$have" | tee -a "$raw"; }
SINKPORT=$REAL sink_start; one ours ours-to-sink "$N" sink_count; sink_stop
SINKPORT=$REAL sink_start; one postfix postfix-to-sink "$POSTFIX_N" sink_count; sink_stop
# A second spool of ours, where mail is held.
spool=$RUN/far; rm -rf "$spool"; install -d -o nobody "$spool"
printf 'hostname = "far.bench.test"\nlocal_domains = []\nspool = "%s/spool"\nlog = "none"\n[serve]\nrelay_from = ["127.0.0.0/8"]\n[[route]]\nmatch = ["*"]\nto = "hold:"\n' "$spool" >"$spool/c.toml"
chmod 755 "$spool" "$RUN"
setpriv --reuid=nobody --clear-groups "$OURS/smtp-queue" --config "$spool/c.toml" run >/dev/null
setpriv --reuid=nobody --clear-groups "$OURS/smtp-serve" --config "$spool/c.toml" --listen "127.0.0.1:$REAL" >/dev/null 2>&1 & far=$!
wait_port "$REAL"
far_count() { find "$spool"/spool/{new,cur,.Hold} -type f -name '*,S=*' | wc -l; }
one ours ours-to-smtp-serve "$N" far_count
python3 "$BENCH/ratio.py" "$raw" link
