#!/bin/sh
# install-system.sh BUILD | --remove
#
# As root: makes smtputils the system's mail. Group and service user, spool,
# setgid bit on smtp-send, /usr/sbin/sendmail and its other names, aliases if
# there are none, systemd units for the runner and the server. Says each thing
# it does; running it again changes nothing, and puts right what was changed.
# ROOT=DIR works in a chroot-like tree (for packaging and tests).
set -eu
umask 022
[ "$(id -u)" = 0 ] || { echo "install-system: must run as root (sudo make install-system)" >&2; exit 77; }
case ${1:-} in '') echo "usage: install-system.sh BUILD | --remove" >&2; exit 64 ;; esac
cd "$(dirname "$0")/.."
root=${ROOT:-}
user=smtputils group=smtputils
units='smtputils-queue.service smtputils-serve.service'
list=/usr/share/doc/smtputils/installed-files
config=/etc/smtputils/config.toml
say() { printf '%s\n' "$*"; }
in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${root:+chroot "$root"} "$@"; }
getent_in() { in_root getent "$@" 2>/dev/null; }
has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
is_ours() { case $(readlink "$root/$1" 2>/dev/null) in */smtp-send|smtp-send|smtp-queue) true ;; *) false ;; esac }

if [ "$1" = --remove ]; then
    has_systemd && systemctl disable --now $units 2>/dev/null || true
    for unit in $units; do rm -f "$root/etc/systemd/system/$unit"; done
    has_systemd && systemctl daemon-reload || true
    if [ -e "$root$list" ]; then
        # A link that another mail package has replaced is not ours any more.
        while read -r file; do
            case $file in */sendmail|*/send-mail|*/mailq|*/newaliases|*/runq) is_ours "$file" || continue ;; esac
            rm -f "$root$file"
        done <"$root$list"
        rm -f "$root$list"
        rmdir "$root/usr/share/doc/smtputils" 2>/dev/null || true
        say "removed programs, links, manual pages, completions and units"
    fi
    say "kept /var/spool/smtputils (queued mail), /etc/smtputils, /etc/aliases and the user $user"
    exit 0
fi

build=$1
for program in smtp-send smtp-queue smtp-serve smtp-mx smtp-verify; do
    [ -x "$build/$program" ] || { echo "install-system: no $program in $build: run make first" >&2; exit 66; }
done
for taken in usr/sbin/sendmail usr/sbin/send-mail usr/lib/sendmail usr/bin/mailq usr/bin/newaliases usr/bin/runq; do
    if { [ -e "$root/$taken" ] || [ -L "$root/$taken" ]; } && ! is_ours "$taken"; then
        echo "install-system: /$taken is there and is not ours: remove the other mail package first" >&2
        echo "(Debian: apt-get remove the package that 'dpkg -S /$taken' names)" >&2
        exit 73
    fi
done

getent_in group $group >/dev/null || { in_root groupadd --system $group; say "group $group made"; }
getent_in passwd $user >/dev/null || {
    in_root useradd --system --gid $group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin \
        --comment 'smtputils mail' $user
    say "user $user made"; }
gid=$(getent_in group $group | cut -d: -f3)
# Whoever is in the spool's group can read and change everybody's mail there.
[ -z "$(getent_in group $group | cut -d: -f4)" ] ||
    { echo "install-system: the group $group has members: take them out of it" >&2; exit 78; }

files=$(SETGID=$gid scripts/install.sh "$build" "$root" /usr)
printf '%s\n' "$files" | sed "s|^$root/|/|" >"$root$list"
say "programs, links, manual pages and completions in /usr; /usr/bin/smtp-send is setgid $group"

if [ ! -e "$root$config" ]; then
    install -D -m 644 share/config.toml.example "$root$config"
    say "$config: every setting with its default, commented out"
fi
if [ ! -e "$root/etc/aliases" ]; then
    first=$(getent_in passwd | awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }')
    {   echo '# Aliases of local mail: name: target, target'
        echo 'mailer-daemon: postmaster'
        echo 'postmaster: root'
        [ -z "$first" ] || echo "root: $first"
    } >"$root/etc/aliases"
    say "/etc/aliases made (mail to root goes to ${first:-root})"
fi

# Makes the spool. One that is there (root's own mail from before, a copy) is
# given to the service user and keeps its mail.
in_root /usr/bin/smtp-queue setup --config $config
say "spool in order"
# Mail programs make mailboxes and locks there as this group.
if [ ! -d "$root/var/mail" ]; then
    in_root install -d -m 2775 -o root -g mail /var/mail
    say "/var/mail made"
fi

for unit in $units; do
    mkdir -p "$root/etc/systemd/system"
    sed -e 's|@BIN@|/usr/bin|; s|@SBIN@|/usr/sbin|' "share/systemd/$unit" >"$root/etc/systemd/system/$unit.new"
    mv -f "$root/etc/systemd/system/$unit.new" "$root/etc/systemd/system/$unit"
done
if has_systemd; then
    systemctl daemon-reload
    systemctl enable smtputils-queue.service
    systemctl restart smtputils-queue.service
    systemctl try-restart smtputils-serve.service
    say "smtputils-queue.service runs"
    say "to take mail by SMTP: serve.listen in $config, then systemctl enable --now smtputils-serve.service"
else
    say "no systemd here: start 'smtp-queue run --watch' as root at boot (and 'smtp-serve' to take mail by SMTP)"
fi
