#!/bin/sh
# Power cuts on the spool: commits and records under way on an ext4 image, the
# file system is shut down without its log being flushed (the ext4 shutdown
# ioctl), a copy of the image is mounted, and everything that was acknowledged
# has to be there, whole. As root, with loop devices.
#
# usage: tests/powercut.sh [CYCLES]    (20)
set -eu
cycles=${1:-20}
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo "powercut.sh: needs root (it mounts an image)" >&2
	exit 77
fi
program=$(cargo test --test powercut --no-run --message-format=json 2>/dev/null |
	sed -n 's/.*"executable":"\([^"]*\/powercut-[^"]*\)".*/\1/p' | tail -1)
test -x "$program"

work=$(mktemp -d)
mounted=
loads=
clean() {
	for load in $loads; do kill "$load" 2>/dev/null || :; done
	wait
	[ -z "$mounted" ] || umount "$work/mnt" || :
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/mnt"

# EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH (2).
POWERCUT_COMMAND="perl -e 'open(D, \"<\", \"$work/mnt\") or die \$!; my \$how = pack(\"L\", 2); ioctl(D, 0x8004587d, \$how) or die \$!'"
POWERCUT_SPOOL=$work/mnt/spool
export POWERCUT_COMMAND POWERCUT_SPOOL

cycle=1
while [ "$cycle" -le "$cycles" ]; do
	rm -f "$work"/image "$work"/copy "$work"/acked.*
	truncate -s 256M "$work/image"
	mkfs.ext4 -q -F "$work/image"
	mount -o loop "$work/image" "$work/mnt"
	mounted=1
	# The spool is made by one, and durably, before the load begins.
	POWERCUT_VERIFY=1 "$program" --exact verify </dev/null >/dev/null 2>&1 || :
	test -d "$POWERCUT_SPOOL/new"
	for n in 2 3; do
		POWERCUT_ACKED=$work/acked.$n "$program" --exact load >/dev/null 2>&1 &
		loads="$loads $!"
	done
	# Cut at another point each time.
	POWERCUT_ACKED=$work/acked.1 POWERCUT_AFTER=$((20 + cycle * 17 % 101)) \
		"$program" --exact load >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
	wait
	loads=
	umount "$work/mnt"
	mounted=
	cp "$work/image" "$work/copy"
	mount -o loop "$work/copy" "$work/mnt"
	mounted=1
	cat "$work"/acked.* | POWERCUT_VERIFY=1 "$program" --exact verify --nocapture >"$work/log" 2>&1 ||
		{ echo "cycle $cycle:" >&2; cat "$work/log" >&2; exit 1; }
	sed -n "s/.* \([0-9]* acknowledged\)/cycle $cycle: \1/p; s/^\([0-9]* acknowledged\)/cycle $cycle: \1/p" "$work/log"
	umount "$work/mnt"
	mounted=
	cycle=$((cycle + 1))
done
