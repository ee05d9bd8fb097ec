# systemd finds the units in order; both programs run with the capabilities they leave.
exits 0 'systemd-analyze verify' systemd-analyze verify --man=no /etc/systemd/system/smtputils-{queue,serve}.service
[ -z "$(printf '%s' "$output" | grep -i smtputils)" ] || fail "the units: $output"
say 'systemd finds the units in order'

[ -n "$worker" ] || fail 'no worker'
service=$(id -u smtputils) group=$(id -g smtputils)
same '0 0 0 0' "$(status $runner Uid)" 'the parent is root'
same "$service $service $service $service" "$(status $worker Uid)" 'the worker is the service user'
same "$group $group $group $group" "$(status $worker Gid)" 'and of its group'
same "$group" "$(status $worker Groups | xargs)" 'and of no other'
same 1 "$(status $worker NoNewPrivs)" 'the worker gets no new privileges'
same 0000000000000000 "$(status $worker CapEff)" 'the worker has no capabilities'
same 1 "$(status $runner Threads)" 'the parent has one thread, to fork from'
for socket in $(find "/proc/$runner/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n'); do
    ! grep -q " $socket " /proc/net/{tcp,tcp6,udp,udp6,raw} || fail 'the parent is on the network'
done
say 'a parent as root, a worker that is nobody else'

# The server's parent is root and holds the sockets; who hears clients is the service user.
printf '[serve]\nlisten = ["127.0.0.1:0"]\n' >>/etc/smtputils/config.toml
setpriv --bounding-set "$(bounding serve)" $(unit serve ExecStart) >/root/serve.out 2>/root/serve.err & server=$!
until_true 'the server listens' grep -q '^listening ' /root/serve.out
port=$(sed -n 's/^listening .*:\([0-9]*\).*/\1/p' /root/serve.out)
same '0 0 0 0' "$(status $server Uid)" 'the parent of the server is root'
same 1 "$(status $server Threads)" 'it has one thread, to fork from'
has_hearer() { hearer=$(xargs <"/proc/$server/task/$server/children"); [ -n "$hearer" ]; }
until_true "a worker of the server" has_hearer
same "$service $service $service $service" "$(status $hearer Uid)" 'the server'\''s worker is the service user'
same "$group $group $group $group" "$(status $hearer Gid)" 'the group of the server'
same '' "$(status $hearer Groups | xargs)" 'groups of the server'
same 1 "$(status $hearer NoNewPrivs)" 'no new privileges for the server'
same 0000000000000000 "$(status $hearer CapEff)" 'the server has no capabilities'
python3 - "$port" <<'END' || fail 'SMTP to ann'
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=20) as s:
    s.sendmail("x@example.org", ["ann@host.test"], b"Subject: by smtp\r\n\r\ntext\r\n")
    try: s.sendmail("x@example.org", ["y@example.org"], b"\r\n"); sys.exit(1)
    except smtplib.SMTPRecipientsRefused as e: assert e.recipients["y@example.org"][0] == 550, e
END
until_true 'mail by SMTP in /var/mail/ann' holds /var/mail/ann 'by smtp'
same 'ann:mail 660' "$(stat -c '%U:%G %a' /var/mail/ann)" 'the new mailbox'
kill $server; wait $server || fail "the server ends with $?"
say 'smtp-serve as root: takes mail as the service user, delivered as the recipient'

# Without a spool it makes the system's, of the same shape.
shape() { (cd "$1" && find . -type d -printf '%p %M %U:%G\n' | sort); }
smtp-serve --listen 127.0.0.1:0 --spool /var/spool/second >/root/serve.out 2>/root/serve.err & server=$!
until_true 'a server without a spool' grep -q '^listening ' /root/serve.out
kill $server; wait $server || fail "it ends with $?"
diff <(shape $spool) <(shape /var/spool/second) || fail "the server's spool is another"
rm -r /var/spool/second
# (Before the installation there was no setgid bit.)
cp /usr/bin/smtp-send /root/smtp-send
printf 'Subject: early\n\ntext\n' | /root/smtp-send --queue-only --spool /var/spool/second ann || fail 'a spool of root'
smtp-queue setup --spool /var/spool/second || fail 'setup'
diff <(shape $spool) <(shape /var/spool/second) || fail "a spool of root's is not put right"
same 'root:smtputils 640' "$(stat -c '%U:%G %a' /var/spool/second/new/*)" 'the mail in it'
smtp-queue run --spool /var/spool/second
until_true 'mail of before the installation' holds /var/mail/ann early
rm -r /var/spool/second
say 'runner, server and sendmail agree on one spool; mail of before the installation arrives'
