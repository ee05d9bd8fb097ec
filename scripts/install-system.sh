#!/bin/sh
# install-system.sh BUILD | --remove
#
# As root: makes smtputils the system's mail. Group and service user, spool,
# setgid bit on smtp-send, /usr/sbin/sendmail and its other names, aliases if
# there are none, systemd units for the runner and the server. Says each thing
# it does; running it again changes nothing. ROOT=DIR works in a chroot-like
# tree (for packaging and tests).
set -eu
[ "$(id -u)" = 0 ] || { echo "install-system: must run as root (sudo make install-system)" >&2; exit 77; }
cd "$(dirname "$0")/.."
root=${ROOT:-}
user=smtputils group=smtputils spool=$root/var/spool/smtputils
say() { printf '%s\n' "$*"; }
in_root() { if [ -n "$root" ]; then chroot "$root" "$@"; else "$@"; fi; }

if [ "${1:-}" = --remove ]; then
    if [ -z "$root" ] && [ -d /run/systemd/system ]; then
        systemctl disable --now smtputils-queue.service smtputils-serve.service 2>/dev/null || true
    fi
    rm -f "$root"/etc/systemd/system/smtputils-queue.service "$root"/etc/systemd/system/smtputils-serve.service
    for link in usr/sbin/sendmail usr/sbin/send-mail usr/lib/sendmail usr/bin/mailq usr/bin/newaliases; do
        case $(readlink "$root/$link" 2>/dev/null) in */smtp-send|smtp-send) rm -f "$root/$link"; say "removed /$link" ;; esac
    done
    in_root rm -f /usr/bin/runq /usr/bin/smtp-send /usr/bin/smtp-mx /usr/bin/smtp-verify /usr/bin/smtp-queue /usr/sbin/smtp-serve
    say "kept /var/spool/smtputils (queued mail), /etc/smtputils and the user smtputils"
    exit 0
fi

build=$1
for taken in usr/sbin/sendmail usr/bin/mailq usr/bin/newaliases usr/lib/sendmail; do
    if [ -e "$root/$taken" ]; then
        case $(readlink "$root/$taken" 2>/dev/null) in
        */smtp-send|smtp-send) ;;
        *)  echo "install-system: /$taken is there and is not ours: remove the other mail package first" >&2
            echo "(Debian: apt-get remove the package that 'dpkg -S /$taken' names)" >&2
            exit 73 ;;
        esac
    fi
done

getent_in() { in_root getent "$@" >/dev/null 2>&1; }
getent_in group $group || { in_root groupadd --system $group; say "group $group made"; }
getent_in passwd $user || {
    in_root useradd --system --gid $group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin \
        --comment 'smtputils mail' $user
    say "user $user made"; }

scripts/install.sh "$build" "$root" /usr >/dev/null
say "programs, links, manual pages and completions in /usr"
in_root chown root:$group /usr/bin/smtp-send
chmod 2755 "$root/usr/bin/smtp-send"
say "/usr/bin/smtp-send is setgid $group"

# The spool's directories belong to the service user and group; the setgid bit
# on directories makes what users submit belong to the group.
if [ ! -d "$spool" ]; then
    # A pass as root makes the system's spool, owned by the service user.
    in_root /usr/bin/smtp-queue run --spool /var/spool/smtputils
    say "spool /var/spool/smtputils made"
fi

if [ ! -e "$root/etc/aliases" ]; then
    first=$(awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }' "$root/etc/passwd")
    {   echo '# Aliases of local mail: name: target, target'
        echo 'mailer-daemon: postmaster'
        echo 'postmaster: root'
        [ -z "$first" ] || echo "root: $first"
    } >"$root/etc/aliases"
    say "/etc/aliases made (mail to root goes to ${first:-root})"
fi
if [ ! -e "$root/etc/smtputils/config.toml" ]; then
    install -D -m 644 share/config.toml.example "$root/etc/smtputils/config.toml"
    say "/etc/smtputils/config.toml: every setting with its default, commented out"
fi

for unit in queue serve; do
    mkdir -p "$root/etc/systemd/system"
    sed -e 's|@BIN@|/usr/bin|; s|@SBIN@|/usr/sbin|' share/systemd/smtputils-$unit.service \
        >"$root/etc/systemd/system/smtputils-$unit.service"
done
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --now smtputils-queue.service
    say "smtputils-queue.service runs; the server: systemctl enable --now smtputils-serve.service"
else
    say "no systemd here: start 'smtp-queue run --watch' as root at boot (and 'smtp-serve' to take mail by SMTP)"
fi
