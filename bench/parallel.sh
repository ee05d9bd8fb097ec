#!/usr/bin/env bash
# parallel.sh BUILD [N]: N calls of `sendmail -t` at the same moment (1,000), each
# starting delivery in the background as it comes, beside one call alone.
#
# All have to be queued, none may fail, and a call's share of the time, on the
# cores that there are, may be three times that of one call alone. What is
# compared is calls that queue only with such calls, and calls that start the
# runner with such calls; a runner holds what it finds. In $SPOOL_DIR, which
# should be a real disk (default: a folder in /var/tmp).
set -euo pipefail
BUILD=$(cd "${1:?usage: parallel.sh BUILD [N]}" && pwd); N=${2:-1000}
here=$(cd "$(dirname "$0")" && pwd)
"$here/../scripts/need.sh" 'build the bench' gcc=gcc bc=bc
work=$(mktemp -d "${SPOOL_DIR:-/var/tmp}/smtputils-parallel.XXXXXX")
trap 'rm -rf "$work"' EXIT
for tool in spawn parallel; do gcc -O2 -o "$work/$tool" "$here/$tool.c"; done
cp "$BUILD"/smtp-{send,queue} "$work/"; ln -s smtp-send "$work/sendmail"
printf 'From: a@bench.test\nTo: b@far.example\nSubject: bench\n\n%1900s\n' '' | fold -w 70 >"$work/message"
printf 'hostname = "bench.test"\nspool = "%s/spool"\nlog = "none"\nlocal_domains = []\n[[route]]\nmatch = "*"\nto = "hold:"\n' "$work" >"$work/config"
export SMTPUTILS_CONFIG=$work/config
queued() { find "$work/spool" -name '*,S=*' -type f | wc -l; }
value() { sed "s/.*$1=\([0-9.]*\).*/\1/" <<<"$2"; }
failed=0
for mode in -odq -odb; do
    one=$("$work/spawn" -n 100 -i "$work/message" -- "$work/sendmail" -t $mode)
    # The runner of before is gone before the next are started.
    for _ in $(seq 200); do "$work/smtp-queue" run >/dev/null 2>&1; [ -n "$(ls "$work/spool/new")" ] || break; done
    rm -rf "$work/spool"; "$work/sendmail" -t -odq <"$work/message"; before=$(queued)
    all=$("$work/parallel" -n "$N" -i "$work/message" -- "$work/sendmail" -t $mode)
    got=$(($(queued) - before))
    single=$(value median_ms "$one") wall=$(value wall_ms "$all") bad=$(value failed "$all")
    share=$(echo "scale=3; $wall * $(nproc) / $N" | bc) ratio=$(echo "scale=2; $wall * $(nproc) / $N / $single" | bc)
    printf '%s: one call %.2f ms, %d at once %.2f ms each on %d cores (%.2f of one), queued %d, failed %d\n' \
        "$mode" "$single" "$N" "$share" "$(nproc)" "$ratio" "$got" "$bad"
    [ "$got" = "$N" ] && [ "$bad" = 0 ] && [ "$(echo "$ratio <= 3" | bc)" = 1 ] || failed=1
done
exit $failed
