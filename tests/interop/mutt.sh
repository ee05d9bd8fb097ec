# mutt sends through our sendmail with an attachment.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
sendmail=$(our_sendmail a)
head -c 3000 /dev/urandom >blob
printf 'Grüße\n.\n' | LC_ALL=C.UTF-8 mutt -n -F /dev/null -e "set sendmail='$sendmail -oem -oi'" -e 'set from=alice@a.example' \
    -e 'set use_envelope_from' -e 'set charset=utf-8' -e 'set send_charset=utf-8' -e 'set copy=no' -s 'from mutt' -a blob -- bob@far.example || fail "mutt said $?"
arrive 1 sink
empties a
python3 - sink/* <<'END'
import email, re, sys
text = open(sys.argv[1], "rb").read()
assert b"X-Mail-Args: <alice@a.example>" in text, text[:400]
m = email.message_from_bytes(re.sub(rb"\AX-[^\n]*\n(?:X-[^\n]*\n)*", b"", text))
blob = [p for p in m.walk() if p.get_filename() == "blob"][0].get_payload(decode=True)
assert blob == open("blob", "rb").read(), "the attachment changed"
assert "Gr\u00fc\u00dfe\n.\n" == m.get_payload()[0].get_payload(decode=True).decode(), m.get_payload()[0]
END
