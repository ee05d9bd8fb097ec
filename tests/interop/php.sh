# PHP's mail(): header lines end in CRLF, the body's in LF.
site b '[serve]
users = ["bob", "carol"]'
sendmail=$(our_sendmail b)
set -- "$PEERS"/usr/bin/php[0-9].[0-9]
php=$1; [ -x "$php" ] || php=$(command -v php) || fail 'no php'
cat >mail.php <<'END'
<?php
$ok = mail("bob@b.example", "Gr\u{fc}\u{df}e", "first\n.\nafter a lone dot\n\u{fc}\n",
    ["From" => "alice@b.example", "Cc" => "carol@b.example", "MIME-Version" => "1.0",
     "Content-Type" => "text/plain; charset=utf-8", "X-Two" => "one\r\n two"], "-falice@b.example");
exit($ok ? 0 : 1);
END
"$php" -n -d sendmail_path="$sendmail -t -i" mail.php || fail "mail() said no: $(cat argv)"
grep -qx -- '-t -i -falice@b.example' argv || fail "php called: $(cat argv)"
arrive 1 b/mail/bob/new
arrive 1 b/mail/carol/new
python3 - b/mail/*/new/* <<'END'
import email, sys
assert len(sys.argv) == 3
for name in sys.argv[1:]:
    text = open(name, "rb").read()
    assert b"\r" not in text, text
    header, body = text.split(b"\n\n", 1)
    # PHP itself ends the text with one more line end.
    assert body == "first\n.\nafter a lone dot\n\u00fc\n\n".encode(), body
    m = email.message_from_bytes(text)
    assert m["Return-Path"] == "<alice@b.example>", m["Return-Path"]
    assert m["X-Two"] == "one\n two", repr(m["X-Two"])
    assert m["To"] == "bob@b.example" and m["Cc"] == "carol@b.example" and m["From"] == "alice@b.example", header
    assert m["Date"] and m["Message-ID"], header
END
