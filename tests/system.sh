#!/usr/bin/env bash
# system.sh BUILD: `make install-system` proved in a whole Debian system.
#
# Builds a minimal Debian tree once (kept in $SMTPUTILS_PEERS), copies it, runs
# scripts/install-system.sh on the copy, and inside it, with processes, mounts,
# host name and network of its own (loopback only), runs tests/system/inside.sh:
# cron, a runner and a server started as root, users who submit through the
# setgid bit, mailboxes that are traps, processes killed. Touches nothing
# outside its folder. As root. KEEP=1 keeps the tree.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); top=$(cd "$here/.." && pwd)
BUILD=$(cd "${1:?usage: system.sh BUILD}" && pwd)
[ "$(id -u)" = 0 ] || { echo "system: must run as root" >&2; exit 77; }
"$top/scripts/need.sh" 'build a system to install into' debootstrap=debootstrap unshare=util-linux ip=iproute2

cache=${SMTPUTILS_PEERS:-${TMPDIR:-/tmp}/smtputils-peers}; mkdir -p "$cache"; cache=$(cd "$cache" && pwd)
# The programs need the libraries that they were linked with: the host's suite.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$cache/system-$suite

inroot() { local tree=$1; shift; env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
    DEBIAN_FRONTEND=noninteractive chroot "$tree" "$@"; }
quietly() { "$@" >"$cache/system.log" 2>&1 || { tail -n 5 "$cache/system.log" >&2; exit 69; }; }

# The packages that hold the programs' libraries.
libraries() {
    ldd "$BUILD"/smtp-* | awk '$3 ~ /^\// { sub(/.*\//, "", $3); print "*/" $3 }' | sort -u |
        xargs dpkg -S 2>/dev/null | cut -d: -f1 | sort -u
}
build_base() {
    [ ! -e "$base/.ready-2" ] || return 0
    local mirror
    [ -n "$(apt-get indextargets --format x 'Created-By: Packages')" ] || apt-get update >/dev/null
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $suite" | sort -u | sed -n 1p)
    [ -n "$mirror" ] || { echo "system: apt knows no archive for $suite" >&2; exit 69; }
    echo "building a $suite system in $base" >&2
    rm -rf "$base"
    quietly debootstrap --variant=minbase --include=ca-certificates "$suite" "$base" "$mirror"
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep " $suite" | sort -u >"$base/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"; chmod 755 "$base/usr/sbin/policy-rc.d"
    echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/test"
    cp --remove-destination /etc/resolv.conf /etc/hosts "$base/etc/"
    cp -aL /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/" 2>/dev/null || true
    cp -a /etc/apt/apt.conf.d/. "$base/etc/apt/apt.conf.d/"
    quietly inroot "$base" apt-get update
    # No package may bring another mail server.
    quietly inroot "$base" apt-get install -y --no-install-recommends cron bsd-mailx- python3 systemd \
        anacron at sudo alpine perl busybox-static exim4-base- default-mta- postfix- $(libraries)
    # bsd-mailx asks for a mail server, which is us: unpacked, as it will be used.
    quietly inroot "$base" sh -c 'cd /var/cache/apt/archives && apt-get -o APT::Sandbox::User=root download bsd-mailx liblockfile1 liblockfile-bin libbsd0 libmd0 &&
        dpkg --unpack --force-depends ./bsd-mailx*.deb ./liblockfile*.deb ./libbsd0*.deb ./libmd0*.deb && dpkg --configure --force-depends -a'
    # Callers that want another cron or half a distribution: what is tried of them.
    quietly inroot "$base" sh -c 'mkdir -p /opt/callers && cd /opt/callers &&
        apt-get -o APT::Sandbox::User=root download monitoring-plugins-standard monitoring-plugins-common \
            systemd-cron apt-listchanges unattended-upgrades smartmontools &&
        for deb in monitoring*.deb; do dpkg -x "$deb" /; done &&
        for deb in *.deb; do dpkg -x "$deb" .; done && rm ./*.deb'
    inroot "$base" apt-get clean
    ! inroot "$base" dpkg-query -W -f '${Package} ${Provides}\n' | grep mail-transport-agent
    : >"$base/.ready-2"
}
build_base

work=$(mktemp -d "${TMPDIR:-/tmp}/smtputils-system.XXXXXX"); tree=$work/tree
clean() { [ -n "${KEEP:-}" ] && echo "kept: $tree" || rm -rf --one-file-system "$work"; }
trap clean EXIT
cp -a --reflink=auto "$base" "$tree"
mkdir "$tree/root/tests"; cp "$here"/system/* "$tree/root/tests/"
printf '127.0.0.1 localhost\n127.0.0.1 host.test host\n' >"$tree/etc/hosts"
echo 'nameserver 127.0.0.1' >"$tree/etc/resolv.conf"
echo host >"$tree/etc/hostname"
echo host.test >"$tree/etc/mailname"
inroot "$tree" useradd -m -s /bin/bash -p '*' ann
inroot "$tree" useradd -m -s /bin/bash -p '*' bob
cp -a "$tree/var/mail" "$work/mail-before"

. "$here/system/install.sh"

# A trap in case a test hangs: the whole namespace goes with its first process.
timeout -k 5 600 unshare --mount --pid --net --uts --ipc --fork --kill-child \
    bash -euc '
        mount --make-rprivate /
        mount --bind "$1" "$1"; mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/run"
        mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"; mount -t tmpfs -o mode=755 tmpfs "$1/dev"
        for d in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
            set -- "$1" $d; mknod -m 666 "$1/dev/$2" c $3 $4; done
        mkdir "$1/dev/pts"; mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/dev/pts"; ln -s pts/ptmx "$1/dev/ptmx"
        ln -s /proc/self/fd "$1/dev/fd"; mkdir "$1/dev/shm"; chmod 1777 "$1/dev/shm"
        hostname host.test; ip link set lo up
        exec env -i CASES="${CASES:-}" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$1" bash /root/tests/inside.sh
    ' system "$tree" </dev/null

. "$here/system/remove.sh"
echo "system: all passed"
