# Programs of the system that call sendmail, each as its user runs it: what
# arrives, from whom, and what the program makes of the exit status.
rm -f /var/mail/*
arrives() { # arrives SUBJECT BOX: sets $letter
    until_true "$1 in $2" grep -qs "^Subject: $1" "/var/mail/$2"; letter=/var/mail/$2; }
has() { grep -q -- "$1" "$letter" || fail "$2: no '$1' in $(tail -40 "$letter")"; }

# anacron: -FAnacron -odi USER, the job's output as a file.
mkdir -p /root/anacron; echo '1 0 nightly echo out; echo; echo .b' >/root/anacrontab
anacron -d -f -n -t /root/anacrontab -S /root/anacron 2>/root/anacron.err || fail "anacron says $?: $(cat /root/anacron.err)"
arrives "Anacron job 'nightly' on host" ann
has '^From: Anacron <root@host.test>' anacron; has '^To: root@host.test' anacron; has '^Return-Path: <root@host.test>' anacron
has '^\.b$' 'a line that begins with a dot'
! grep -i 'mail\|status' /root/anacron.err | grep -qi 'fail\|error' || fail "anacron complains: $(cat /root/anacron.err)"
say "anacron's mail arrives"

# at: argv[0] sendmail, -i USER, Subject and To alone, in /.
echo bob >>/etc/at.allow
atd -f >/root/atd.out 2>/root/atd.err & atd=$!
until_true 'atd runs' test -e /run/atd.pid
echo 'echo at says; printf ".\nafter\n"' | (cd /home/bob && by bob at now 2>/dev/null) || fail "at says $?"
PATIENCE=90; arrives 'Output from your job' bob; PATIENCE=20
has '^at says' at; has '^after' at; has '^From: .*bob@host.test' at; has '^Date: ' at
kill $atd
say "at's mail arrives"

# sudo: its own mailer, every descriptor but three closed, as root.
printf 'Defaults mailto="ann", mail_always, mailsub="sudo at %%h"\nbob ALL = NOPASSWD: /bin/true\n' >/etc/sudoers.d/mail
chmod 440 /etc/sudoers.d/mail
by bob sudo -n /bin/true || fail "sudo says $?"
arrives 'sudo at host' ann
has 'Auto-Submitted: auto-generated' sudo; has 'bob.*COMMAND=/bin/true' sudo; has '^To: ann@host.test' sudo
say "sudo's mail arrives"

# busybox crond: -ti alone, no From, its output is where the message was.
mkdir -p /root/crontabs; printf 'MAILTO=webmaster\n* * * * * echo busybox says\n' >/root/crontabs/bob
grep -q '^webmaster:' /etc/aliases || echo 'webmaster: ann' >>/etc/aliases
busybox crond -f -c /root/crontabs 2>/root/busybox.err & crond=$!
PATIENCE=90; arrives 'cron: echo busybox says' ann; PATIENCE=20
kill $crond
has '^busybox says' busybox; has '^From: bob@host.test' busybox; has '^Date: ' busybox
say "busybox crond's mail arrives"

# systemd-cron: -i -B8BITMIME MAILTO; systemctl is the one thing played.
mkdir -p /root/play; cat >/root/play/systemctl <<'END'
#!/bin/sh
case $* in
*property=User) echo User=bob ;;
*property=Environment) echo Environment=MAILTO=bob SHELL=/bin/sh ;;
status*) printf '● cron-bob.service - [Cron]\n\n.\nafter the dot: grüße\n'; exit 3 ;;
esac
END
chmod 755 /root/play/systemctl
PATH=/root/play:$PATH python3 /opt/callers/lib/systemd-cron/mail_on_failure cron-bob.service || fail "mail_on_failure says $?"
arrives '\[host.test\] job cron-bob.service failed' bob
has '^From: root@host.test (systemd-cron)' systemd-cron; has '^Auto-Submitted: auto-generated' systemd-cron
say "systemd-cron's mail arrives"

# apt-listchanges and unattended-upgrades: their own functions, taken from their
# own files; both treat any status but 0 as a failure.
python3 - <<'END' || fail 'what the package tools say'
import ast, email, os, re, subprocess, sys, types
def take(path, names, **given):
    tree = ast.parse(open(path).read())
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in names]
    scope = dict(given)
    exec(compile(tree, path, "exec"), scope)
    return scope
import email.message, email.charset, email.header, email.mime.text
from email.message import Message
tool = take("/opt/callers/usr/bin/unattended-upgrade", ["_send_mail_using_sendmail"], email=email, Message=Message,
    subprocess=subprocess, SENDMAIL_BINARY="/usr/sbin/sendmail", List=list)
status = tool["_send_mail_using_sendmail"]("root", "root", "unattended-upgrades result for host: SUCCESS", "Package log:\n.\nfür alle\n")
assert status == 0, status
assert tool["_send_mail_using_sendmail"]("root", "a b@@", "never", "x\n") == 65
END
arrives 'unattended-upgrades result for host: SUCCESS' ann
has '^From: root@host.test' unattended-upgrades; has '^To: root@host.test' unattended-upgrades
grep -q '^Subject: never' /var/mail/* && fail 'a refused message arrived'
sed -n '/^def mail_changes/,/^def /p' /opt/callers/usr/share/apt-listchanges/apt_listchanges.py | sed '$d' >/root/listchanges.py
grep -q sendmail /root/listchanges.py || fail 'apt-listchanges has another function now'
python3 - <<'END' || fail 'apt-listchanges'
import email, email.message, email.header, email.mime.text, email.charset, os, subprocess, types
scope = dict(vars(email)); scope.update(email=email, os=os, subprocess=subprocess, _=lambda s: s,
    ALCLog=types.SimpleNamespace(error=print, info=lambda *a: None, warning=print))
exec(open("/root/listchanges.py").read(), scope)
config = types.SimpleNamespace(email_address="root", email_format="text", hostname="host", quiet=1)
scope["mail_changes"](config, "glibc (2.36) grüßt\n\n.\n  * a change\n", "apt-listchanges: news for host")
END
arrives 'apt-listchanges: news for host' ann
say 'apt-listchanges and unattended-upgrades send'

# mdadm: popen of "sendmail -t".
python3 - <<'END' || fail 'the pipe ended badly'
import os, sys
pipe = os.popen("/usr/sbin/sendmail -t", "w")
pipe.write("From: mdadm monitoring <root>\nTo: root\nSubject: DegradedArray event on /dev/md0:host\n\n"
           "This is an automatically generated mail message from mdadm\nrunning on host\n")
sys.exit(pipe.close() is not None)
END
arrives 'DegradedArray event' ann
has '^From: mdadm monitoring <root@host.test>' mdadm; has '^To: root@host.test' mdadm
# smartd: its own script, by mail(1).
printf 'This message was generated by the smartd daemon\n' >/root/smart
bash /opt/callers/etc/smartmontools/run.d/10mail /root/smart -s 'SMART error (FailedOpenDevice) detected on host: host' root || fail "10mail says $?"
arrives 'SMART error' ann
say "mdadm's and smartd's mail arrives"

# The same with senders and recipients as a relay wants them.
cp -a /etc/smtputils/config.toml /root/config.before
printf '\n[rewrite]\nfrom = "alerts+{host}@company.test"\nto_bare = true\n' >>/etc/smtputils/config.toml
rm -f /var/mail/*
printf 'From: root (Cron Daemon)\nTo: root\nSubject: rewritten cron\n\nout\n' | sendmail -FCronDaemon -i -B8BITMIME -oem  root || fail "exit $?"
printf 'Subject: rewritten smartd\n\nout\n' >/root/smart; bash /opt/callers/etc/smartmontools/run.d/10mail /root/smart -s 'rewritten smartd' root
for subject in 'rewritten cron' 'rewritten smartd'; do arrives "$subject" ann; done
same 2 "$(grep -c '^Return-Path: <alerts+host.test@company.test>' /var/mail/ann)" 'envelope senders'
has '^From: alerts+host.test@company.test (Cron Daemon)' cron; same 2 "$(grep -c '^From: .*alerts+host.test@company.test' /var/mail/ann)" 'From fields'
same 2 "$(grep -c '^To: .*ann@host.test' /var/mail/ann)" 'To fields'
cp -a /root/config.before /etc/smtputils/config.toml
say 'rewritten as configured'

# alpine: SMTP on the pipe, -bs -odb -oem, driven at a terminal.
cat >/root/alpine.py <<'END'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("setpriv", ["setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "env", "-i", "HOME=/home/bob", "USER=bob",
        "LOGNAME=bob", "TERM=linux", "LINES=24", "COLUMNS=80", "PATH=/usr/sbin:/usr/bin:/bin", "alpine", "-p", "/home/bob/.pinerc", "ann@host.test"])
seen = b""
def until(text, limit=20):
    global seen
    end = time.monotonic() + limit
    while text not in seen:
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        if not ready: sys.exit("waited for %r in %r" % (text, seen[-1500:]))
        try: seen += os.read(fd, 65536).replace(b"\0", b"")
        except OSError: sys.exit("alpine ended: %r" % seen[-1500:])
def type(text): global seen; seen = b""; os.write(fd, text)
until(b"Subject")
type(b"\t\t\t"); type(b"from alpine\r"); until(b"alpine")
type(b"first\r.\rafter the dot\r"); until(b"dot")
type(b"\x18"); until(b"Send message")
type(b"y")
end = time.monotonic() + 20
while time.monotonic() < end:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try: seen += os.read(fd, 65536)
        except OSError: break
    if b"Create" in seen: type(b"n")
    if b"Message sent" in seen: break
else: sys.exit("not sent: %r" % seen[-1500:])
os.kill(pid, 15)
END
printf 'personal-name=Bob\nuser-domain=host.test\nfeature-list=enable-suspend,no-quell-extra-post-prompt,quit-without-confirm\ndefault-fcc=""\nlast-version-used=9.99\n' >/home/bob/.pinerc
chown bob: /home/bob/.pinerc
python3 /root/alpine.py || fail 'alpine'
until_true 'from alpine' grep -qsx 'from alpine' /var/mail/ann; letter=/var/mail/ann
has '^From: Bob <bob@host.test>' alpine; has '^after the dot' alpine; has '^Return-Path: <bob@host.test>' alpine
say 'alpine sends by -bs'

# check_mailq of monitoring-plugins, in its modes.
stop_runner
plugin=/usr/lib/nagios/plugins/check_mailq
checks() { # checks STATUS MODE WORDS: with -w 1 -c 3
    exits "$1" "check_mailq -M $2" "$plugin" -M "$2" -w 1 -c 3
    case $output in *"$3"*) ;; *) fail "check_mailq -M $2 says: $output" ;; esac; }
for mode in postfix sendmail; do checks 0 $mode 'is empty'; done
sendmail -odq -i nobody@far.test </root/smart; sendmail -odq -i nobody@far.test </root/smart
for mode in postfix sendmail; do checks 1 $mode 'mailq is 2'; done
sendmail -odq -i nobody@far.test </root/smart
for mode in postfix sendmail; do checks 2 $mode 'mailq is 3'; done
exits 2 'check_mailq as it comes' "$plugin" -w 1 -c 3
# Its other modes look for other programs' listings: they see nothing, and say
# nothing wrong about the format.
for mode in exim nullmailer; do exits 0 "check_mailq -M $mode" "$plugin" -M $mode -w 1 -c 3; done
exits 3 'check_mailq -M qmail' "$plugin" -M qmail -w 1 -c 3
exits 2 'check_mailq of a user' by bob "$plugin" -M postfix -w 1 -c 3
setpriv --reuid=smtputils --regid=smtputils --clear-groups smtp-queue remove $(smtp-queue list --ids)
start_runner
rm -f /var/mail/*; touch /var/mail/ann
say 'check_mailq counts'
