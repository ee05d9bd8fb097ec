#!/usr/bin/env bash
# demo.sh [BUILD]: the main job for real, in a throw-away directory.
#
# Two sites on this machine's loopback. Site A submits and delivers; site B
# receives with STARTTLS and keeps mailboxes. Exit 0 only if all was checked.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${1:-target/release}" && pwd)
scripts/need.sh 'run the demo' openssl=openssl /usr/bin/python3=python3 setpriv=util-linux

d=$(mktemp -d /tmp/smtputils-demo.XXXXXX)
mkdir "$d/bin"
cp "$build"/smtp-send "$build"/smtp-queue "$build"/smtp-serve "$d/bin/"
ln -s smtp-send "$d/bin/sendmail"
cp scripts/demo-sites.sh "$d/"
export HOME=$d
down=
if [ "$(id -u)" = 0 ]; then
    # Mail programs work as an ordinary user; root steps down for all of it.
    chown -R 65534:65534 "$d"
    down='setpriv --reuid=65534 --regid=65534 --clear-groups'
fi
status=0
(cd "$d" && $down bash ./demo-sites.sh "$d") || status=$?
rm -rf "$d"
exit $status
