# Sourced by system.sh: the installer on a tree where something is there already.
say() { printf 'ok   %s\n' "$*"; }
fail() { printf 'FAIL %s\n' "$*" >&2; exit 1; }
install_it() { ROOT=$tree "$top/scripts/install-system.sh" "$BUILD"; }
# What the installer may not change when it runs again: names, owners, modes, contents.
snapshot() { (cd "$tree" && find etc usr/bin usr/sbin usr/lib/sendmail var/spool/smtputils var/mail \
    -printf '%p %M %U:%G %l\n' | sort; cat etc/passwd etc/group etc/aliases etc/smtputils/config.toml); }

# Another mail system's program is left alone.
echo other >"$tree/usr/sbin/sendmail"
! install_it >"$work/out" 2>&1 || fail 'installed over another mail system'
grep -q 'is not ours' "$work/out" && [ "$(cat "$tree/usr/sbin/sendmail")" = other ] || fail 'the refusal'
[ ! -e "$tree/usr/bin/smtp-send" ] || fail 'a refused installation left something behind'
rm "$tree/usr/sbin/sendmail"; rm -rf "$tree/var/mail"
say 'another sendmail is refused, nothing changed'

install_it >"$work/out" || fail "install-system: $(cat "$work/out")"
[ "$(stat -c %A:%U "$tree/usr/bin/smtp-send")" = -rwxr-sr-x:root ] || fail 'the setgid bit'
for name in usr/sbin/sendmail usr/sbin/send-mail usr/lib/sendmail usr/bin/mailq usr/bin/newaliases; do
    [ "$(inroot "$tree" readlink -f "/$name")" = /usr/bin/smtp-send ] || fail "/$name"
done
cmp -s <(stat -c '%a %u:%g' "$work/mail-before") <(stat -c '%a %u:%g' "$tree/var/mail") || fail "/var/mail: $(stat -c '%a %u:%g' "$tree/var/mail")"
grep -qx 'root: ann' "$tree/etc/aliases" || fail 'root has no alias'
say 'installed into a system without /var/mail'

snapshot >"$work/first"; install_it >"$work/out" || fail "again: $(cat "$work/out")"; snapshot >"$work/second"
diff "$work/first" "$work/second" || fail 'running it again changed something'
say 'installing again changes nothing'

# A spool that was made wrong (copied, restored, by another version) is put right, its mail kept.
chown -R root:root "$tree/var/spool/smtputils"; chmod -R go= "$tree/var/spool/smtputils"
rm -r "$tree/var/spool/smtputils/history"
install_it >"$work/out" || fail "over a spool: $(cat "$work/out")"; snapshot >"$work/third"
diff "$work/first" "$work/third" || fail 'a spool that is there is not put right'
say 'a spool that was there is put right'
