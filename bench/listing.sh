#!/bin/sh
# A long queue looked at: counts and ages from names, stats, and Postfix's mailq
# beside it. Run as root: it makes a file system of its own and drops caches.
#   bench/listing.sh [MESSAGES]
set -eu
messages=${1:-1000000}
here=$(cd "$(dirname "$0")/.." && pwd)
queue=${QUEUE:-$here/target/release/smtp-queue}
work=${WORK:-/tmp/smtputils-listing}
mkdir -p "$work/mnt"
cc -O2 -o "$work/fill-spool" "$here/bench/fill-spool.c"
if [ ! -f "$work/spool.img" ]; then
    # Blocks of 1 KiB: two small files a message, and long directories of them.
    truncate -s 6G "$work/spool.img"
    mkfs.ext4 -q -b 1024 -O large_dir -N $((messages * 2 + 600000)) "$work/spool.img"
fi
mountpoint -q "$work/mnt" || mount -o loop,noatime "$work/spool.img" "$work/mnt"
cat >"$work/config.toml" <<END
hostname = "here.example"
origin = "here.example"
spool = "$work/mnt/spool"
log = "none"
aliases = []
service_user = "root"
END
export SMTPUTILS_CONFIG="$work/config.toml"
if [ ! -d "$work/mnt/spool" ]; then
    # One message makes the spool; it goes again.
    printf 'MAIL FROM:<>\r\nRCPT TO:<a@d.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' |
        "$queue" import --queue-only >/dev/null
    "$queue" remove --now --age 0s >/dev/null
    "$work/fill-spool" "$work/mnt/spool" "$messages"
fi
cold() { sync; echo 3 >/proc/sys/vm/drop_caches; }
# What, wall seconds, most memory in MiB.
measure() {
    what=$1; shift
    /usr/bin/time -f "%e %M" -o "$work/time" sh -c "$*" >"$work/out" 2>"$work/err" || true
    awk -v what="$what" '{ printf "%-44s %8.2f s %8.1f MiB\n", what, $1, $2 / 1024 }' "$work/time"
}
cold; measure "list --ids | head, cold" "'$queue' list --ids | head"
cold; measure "stats --by state, cold" "'$queue' stats --by state"
measure "stats --by state, warm" "'$queue' stats --by state"
cold; measure "metrics, cold" "'$queue' metrics"
rm -f "$work/mnt/spool/stats"
cold; measure "stats (reads every message), cold" "'$queue' stats"
measure "stats, from what it kept" "'$queue' stats"
cold; measure "stats, from what it kept, cold" "'$queue' stats"
if command -v postqueue >/dev/null && [ -d /var/spool/postfix/deferred ]; then
    cold; measure "Postfix mailq ($(find /var/spool/postfix/deferred -type f | wc -l) messages), cold" "postqueue -p | tail -1"
fi
