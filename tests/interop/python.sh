# Python: the subprocess idiom, and smtplib with STARTTLS, 8-bit and several recipients.
certificate mx.b.example
site b "[serve]
users = [\"bob\", \"carol\"]
[tls]
certificate = \"$WORK/cert.pem\"
key = \"$WORK/key.pem\""
serve b
sendmail=$(our_sendmail b)
python3 - "$PORT" "$sendmail" <<'END'
import smtplib, ssl, subprocess, sys
port, sendmail = int(sys.argv[1]), sys.argv[2]
text = "From: a@far.example\r\nTo: bob@b.example\r\nSubject: smtplib\r\n\r\nGr\u00fc\u00dfe\r\n.\r\n..\r\n".encode()
with smtplib.SMTP("127.0.0.1", port) as s:
    assert s.starttls(context=ssl._create_unverified_context())[0] == 220
    refused = s.sendmail("a@far.example", ["bob@b.example", "nobody@b.example", "carol@b.example"], text, mail_options=["BODY=8BITMIME"])
    assert list(refused) == ["nobody@b.example"], refused
    assert s.vrfy("bob")[0] == 252
    assert s.noop()[0] == 250
subprocess.run([sendmail, "-t", "-oi"], input=text, check=True)
END
until_true 'two letters for bob, one for carol' sh -c "[ \$(ls '$WORK/b/mail/bob/new' | wc -l) = 2 ] && [ \$(ls '$WORK/b/mail/carol/new' | wc -l) = 1 ]"
for f in b/mail/*/new/*; do tail -3 "$f" | cmp - <(printf 'Gr\303\274\303\237e\n.\n..\n') || fail "$f changed"; done
