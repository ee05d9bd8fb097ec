# nodemailer: -i -f ADDR RCPT..., with its Bcc field kept in the header.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
SENDMAIL=$(our_sendmail a); export SENDMAIL NODE_PATH=$PEERS/usr/share/nodejs
head -c 2000 /dev/urandom >blob
cat >mail.js <<'END'
const mailer = require('nodemailer');
const by = mailer.createTransport({ sendmail: true, path: process.env.SENDMAIL, newline: process.argv[2] });
by.sendMail({
  from: 'Älice <alice@a.example>', to: ['bob@far.example', 'carol@far.example'], bcc: 'dave@far.example',
  subject: 'from nodemailer', text: 'one\n.\ntwo\n', attachments: [{ filename: 'blob', path: 'blob' }],
  envelope: process.argv[3] ? { from: 'alice@a.example', to: [process.argv[3]] } : undefined, keepBcc: true,
}).then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });
END
for newline in unix windows; do
    node mail.js $newline || fail "nodemailer failed with $newline line ends"
    grep -qx -- '-i -f alice@a.example bob@far.example carol@far.example dave@far.example' argv || fail "it called: $(cat argv)"
    arrive 1 sink; empties a
    python3 - sink/* <<'END'
import email, email.policy, re, sys
text = open(sys.argv[1], "rb").read()
for who in (b"bob", b"carol", b"dave"):
    assert b"X-Rcpt-Args: <%s@far.example>" % who in text, text[:500]
m = email.message_from_bytes(re.sub(rb"\AX-[^\n]*\n(?:X-[^\n]*\n)*", b"", text), policy=email.policy.default)
assert m["Bcc"] is None, "Bcc went out"
assert m["From"].addresses[0].display_name == "\u00c4lice", m["From"]
one, two = m.iter_parts()
assert one.get_content() == "one\n.\ntwo\n", one
assert two.get_content() == open("blob", "rb").read(), "the attachment changed"
END
    rm sink/*; : >argv
done
! node mail.js unix 'a b@@' 2>said || fail 'a bad address was taken'
grep -q 'Sendmail exited with code 65' said || fail "nodemailer says: $(cat said)"
