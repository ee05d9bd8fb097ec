# Sourced by system.sh: --remove takes the programs, leaves mail and settings.
ROOT=$tree "$top/scripts/install-system.sh" --remove >"$work/out" || fail "remove: $(cat "$work/out")"
for gone in usr/sbin/sendmail usr/sbin/send-mail usr/lib/sendmail usr/bin/mailq usr/bin/newaliases usr/bin/runq \
    usr/bin/smtp-send usr/bin/smtp-queue usr/bin/smtp-mx usr/bin/smtp-verify usr/sbin/smtp-serve \
    etc/systemd/system/smtputils-queue.service etc/systemd/system/smtputils-serve.service \
    usr/share/man/man8/smtp-queue.8 usr/share/doc/smtputils; do
    [ ! -e "$tree/$gone" ] && [ ! -L "$tree/$gone" ] || fail "/$gone is still there"
done
find "$tree/var/spool/smtputils/cur" "$tree/var/spool/smtputils/new" -type f | grep -q . || fail 'queued mail is gone'
[ -e "$tree/etc/aliases" ] && [ -e "$tree/etc/smtputils/config.toml" ] || fail 'settings are gone'
ROOT=$tree "$top/scripts/install-system.sh" --remove >"$work/out" || fail "remove again: $(cat "$work/out")"
say 'removed: mail and settings stay'
