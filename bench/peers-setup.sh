#!/bin/bash
# peers-setup.sh LABDIR [ROOT...]
#
# Builds the peer lab: one Debian bookworm minbase tree, copied once per peer,
# with that peer's Debian packages installed inside its own tree, so that the
# MTAs (which conflict with one another) never touch the host system.
#
# Idempotent: a tree that is finished carries the stamp .lab-ready and is
# skipped. Remove LABDIR/ROOT (see peers-remove below) to rebuild one.
#
# Needs: root, Debian 12 (or any system whose apt knows a bookworm archive),
# debootstrap (installed here if missing). The mirror and the suites are read
# from the system's apt configuration, none is written here.
#
# Roots:  load      smtp-source and smtp-sink, the load client and the sink; ours too
#         postfix, dma
set -euo pipefail
LAB=${1:?usage: peers-setup.sh LABDIR [ROOT...]}; shift || true
mkdir -p "$LAB"; LAB=$(cd "$LAB" && pwd)
# LABIMG_GB=N: put the whole lab on a journalled ext4 image of N GiB beside it
# (LABDIR.img, written out in full, mounted through a direct-I/O loop device).
# Wanted where the file system at LABDIR is not what a mail server would have:
# an ext4 without a journal, for one, makes file creation slow for a minute
# after many deletions, and its fsync does less.
if [ -n "${LABIMG_GB:-}" ] && ! mountpoint -q "$LAB"; then
    if [ ! -e "$LAB.img" ]; then
        dd if=/dev/zero of="$LAB.img" bs=1M count=$((LABIMG_GB * 1024)) conv=fsync status=none
        mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$LAB.img"
    fi
    mount "$(losetup --direct-io=on -f --show "$LAB.img")" "$LAB"
fi
HERE=$(cd "$(dirname "$0")" && pwd)
SUITE=bookworm
ALL="load postfix dma"
[ $# -gt 0 ] || set -- $ALL

[ "$(id -u)" = 0 ] || { echo "must run as root" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y debootstrap >/dev/null

# The archive this system already uses for the suite.
MIRROR=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' "Release: $SUITE" 2>/dev/null | sort -u | sed -n 1p)
[ -n "$MIRROR" ] || { echo "apt knows no archive for $SUITE" >&2; exit 1; }

base() {
    [ -e "$LAB/base/.lab-ready" ] && return
    [ -e "$LAB/base/etc/debian_version" ] && [ -e "$LAB/base.log" ] && tail -1 "$LAB/base.log" | grep -q "installed successfully" || { rm -rf "$LAB/base"
    debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$LAB/base" "$MIRROR" \
        >"$LAB/base.log" 2>&1 || { tail -5 "$LAB/base.log"; exit 1; }; }
    # the same sources as the host has for Debian itself (updates, security)
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' \
        'Created-By: Packages' | grep -E " $SUITE[a-z-]* main$" | sort -u \
        >"$LAB/base/etc/apt/sources.list"
    # no daemon is started by a package script
    printf '#!/bin/sh\nexit 101\n' >"$LAB/base/usr/sbin/policy-rc.d"
    chmod 755 "$LAB/base/usr/sbin/policy-rc.d"
    echo 'force-unsafe-io' >"$LAB/base/etc/dpkg/dpkg.cfg.d/lab"
    mkdir -p "$LAB/base/bench"
    : >"$LAB/base/.lab-ready"
}

# inroot ROOT CMD...: run inside the tree
inroot() { local r=$1; shift; env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
    DEBIAN_FRONTEND=noninteractive chroot "$LAB/$r" "$@"; }

mkroot() { # ROOT "PACKAGES"
    local r=$1 pk=$2
    [ -e "$LAB/$r/.lab-ready" ] && { echo "$r: ready"; return; }
    rm -rf "$LAB/$r"
    cp -a --reflink=auto "$LAB/base" "$LAB/$r"
    rm -f "$LAB/$r/.lab-ready"
    echo "$r" >"$LAB/$r/etc/hostname"
    printf '127.0.0.1 localhost %s.bench.test %s\n' "$r" "$r" >"$LAB/$r/etc/hosts"
    printf 'nameserver 127.0.0.1\n' >"$LAB/$r/etc/resolv.conf"
    echo "$r.bench.test" >"$LAB/$r/etc/mailname"
    # apt inside the tree uses the host's resolver while installing
    cp --remove-destination /etc/resolv.conf "$LAB/$r/etc/resolv.conf"
    cat /etc/hosts >>"$LAB/$r/etc/hosts"
    [ -d /etc/ssl/certs ] && cp -aL /etc/ssl/certs/ca-certificates.crt "$LAB/$r/etc/ssl/certs/" 2>/dev/null || true
    { inroot "$r" apt-get update && inroot "$r" apt-get install -y --no-install-recommends $pk; } \
        >"$LAB/$r.log" 2>&1 || { tail -5 "$LAB/$r.log"; return 1; }
    printf '127.0.0.1 localhost %s.bench.test %s\n' "$r" "$r" >"$LAB/$r/etc/hosts"
    printf 'nameserver 127.0.0.1\n' >"$LAB/$r/etc/resolv.conf"
    inroot "$r" useradd -m user1 2>/dev/null || true
    : >"$LAB/$r/.lab-ready"
    echo "$r: built ($(inroot "$r" dpkg-query -W -f '${Package} ${Version}, ' $pk))"
}

base
for r in "$@"; do case $r in
    load)    mkroot load    "postfix" ;;
    postfix) mkroot postfix "postfix" ;;
    dma)     mkroot dma     "dma" ;;
    *) echo "unknown root $r" >&2; exit 1 ;;
esac; done
mkdir -p "$LAB/run"
for program in spawn devlog hello; do
    [ "$LAB/run/$program" -nt "$HERE/$program.c" ] || gcc -O2 -Wno-unused-result -o "$LAB/run/$program" "$HERE/$program.c"
done
