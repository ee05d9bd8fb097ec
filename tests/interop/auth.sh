# Logins: Python's smtplib, swaks and msmtp into ours by each mechanism they can,
# ours into ours by each that we can, and the words for what goes wrong.
certificate localhost
site b "[serve]
users = [\"bob\"]
[auth]
users = \"$WORK/users\"
mechanisms = [\"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\", \"SCRAM-SHA-1\", \"CRAM-MD5\"]
senders = { ann = [\"ann@b.example\"] }
[tls]
certificate = \"$WORK/cert.pem\"
key = \"$WORK/key.pem\""
echo s3cret | at b smtp-serve passwd --scram-sha-1 --cram-md5 ann
same 640 "$(stat -c %a users)" 'mode of the users'
grep -q s3cret users && fail 'the password stands in the file'
echo s3cret | at b smtp-serve passwd --check ann || fail 'the password is not known'
echo other | at b smtp-serve passwd --check ann 2>/dev/null && fail 'another password is known'
serve b --listen submission://127.0.0.1:0
PORT=$(sed -n 's|^listening submission://.*:\([0-9]*\)$|\1|p' b.out)

# Into ours.
python3 - "$PORT" <<'END'
import smtplib, ssl, sys
context = ssl.create_default_context(cafile="cert.pem")
def connect(tls=True):
    s = smtplib.SMTP("localhost", int(sys.argv[1]), timeout=30)
    s.ehlo()
    if tls:
        s.starttls(context=context); s.ehlo()
    return s
def refused(code, words, call, *args):
    try: call(*args)
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPAuthenticationError) as e:
        assert e.smtp_code == code and words in e.smtp_error, e
    else: raise AssertionError("taken: %r" % (args,))
def letter(sender): return "From: %s\r\nSubject: x\r\n\r\nx\r\n" % sender
s = connect(tls=False)
assert s.esmtp_features["auth"].split() == ["SCRAM-SHA-256", "SCRAM-SHA-1"], s.esmtp_features
refused(530, b"5.7.0", s.sendmail, "ann@b.example", ["bob@b.example"], letter("ann@b.example"))
s.quit()
for mechanism in "PLAIN", "LOGIN", "CRAM-MD5":
    s = connect(); s.user, s.password = "ann", "wrong"
    do = getattr(s, "auth_" + mechanism.lower().replace("-", "_"))
    refused(535, b"5.7.8", s.auth, mechanism, do)
    s.password = "s3cret"; s.auth(mechanism, do)
    refused(550, b"5.7.1", s.sendmail, "eve@b.example", ["bob@b.example"], letter("ann@b.example"))
    refused(550, b"5.7.1", s.sendmail, "ann@b.example", ["bob@b.example"], letter("eve@b.example"))
    s.sendmail("ann@b.example", ["bob@b.example"], letter("ann@b.example")); s.quit()
END
for mechanism in PLAIN LOGIN CRAM-MD5; do
    swaks --server localhost --port "$PORT" --tls --auth $mechanism --auth-user ann --auth-password s3cret \
        --from ann@b.example --to bob@b.example --hide-all || fail "swaks --auth $mechanism said $?"
done
for mechanism in scram-sha-256 scram-sha-1 plain login cram-md5; do
    printf 'From: ann@b.example\nSubject: x\n\nx\n' | msmtp --host=localhost --port="$PORT" --tls=on --tls-starttls=on \
        --tls-trust-file=cert.pem --auth=$mechanism --user=ann --passwordeval='echo s3cret' --from=ann@b.example bob@b.example ||
        fail "msmtp --auth=$mechanism said $?"
done
arrive 11 b/mail/bob/new
same 11 "$(grep -l 'with ESMTPSA' b/mail/bob/new/* | wc -l)" 'letters with ESMTPSA'

# Out of ours.
(umask 077; echo s3cret >password; echo wrong >wrong)
# deliver RESULT LINES...: by an account with these lines; what was told is in out
deliver() {
    local wanted=$1; shift
    site a "[account.default]
server = \"submission://localhost:$PORT\"
user = \"ann\"
$(printf '%s\n' "$@")"
    printf 'From: ann@b.example\nSubject: x\n\nx\n' | at a smtp-send --now --from ann@b.example bob@b.example >out 2>/dev/null || :
    same "$wanted" "$(cut -f 2 out)" "result with $*"
}
file="password_file = \"$WORK/password\"" ca="ca_file = \"$WORK/cert.pem\""
for mechanism in SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN CRAM-MD5; do
    deliver accepted "$file" "$ca" "mechanisms = [\"$mechanism\"]"
done
deliver accepted "$ca" "password_command = [\"cat\", \"$WORK/password\"]"
(umask 077; echo 'machine localhost login ann password s3cret' >netrc)
deliver accepted "$ca" "netrc = \"$WORK/netrc\""
pin=$(openssl x509 -in cert.pem -noout -fingerprint -sha256 | cut -d= -f2)
deliver accepted "$file" "fingerprint = \"$pin\""
arrive 19 b/mail/bob/new
# told WORDS: the reason of a delay says so
told() { grep -q "$1" out || fail "no '$1' in: $(cat out)"; }
deliver deferred "$ca" "password_file = \"$WORK/wrong\""; told 'refused: 535 5.7.8'
deliver deferred "$ca" "password_file = \"$WORK/cert.pem\""; told 'everybody may use it'
deliver deferred "$file"; told 'self-signed'
deliver deferred "$file" "fingerprint = \"$(printf 'ab%.0s' $(seq 32))\""; told 'not the pinned one'
deliver deferred "$file" 'tls = "none"' 'mechanisms = ["PLAIN"]'; told 'no common way to log in'
