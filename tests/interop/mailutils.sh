# GNU mailutils: -oi -f USER@HOST -t, blind copies in the header, no From.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
sendmail=$(our_sendmail a)
mail=$(command -v mail.mailutils) || fail 'no mailutils'
send() { MAILRC=/dev/null "$mail" --no-config -E "set sendmail=\"sendmail://$sendmail\"" "$@"; }
printf 'first\n.\nafter a lone dot\n' | send -s 'from mailutils' -a 'Cc: carol@far.example' -a 'Bcc: dave@far.example' \
    -r alice@a.example bob@far.example || fail "mail said $?"
grep -qx -- '-oi -f alice@a.example -t' argv || fail "mailutils called: $(cat argv)"
arrive 1 sink
empties a
letter=$(ls sink/*)
for who in bob carol dave; do grep -q "X-Rcpt-Args: <$who@far.example>" "$letter" || fail "$who is not in the envelope"; done
grep -q 'X-Mail-Args: <alice@a.example>' "$letter" || fail 'the envelope sender'
! grep -qi '^bcc:' "$letter" || fail 'Bcc went out'
for field in From Date Message-ID; do same 1 "$(grep -ci "^$field:" "$letter")" "$field fields"; done
grep -qx 'after a lone dot' "$letter" || fail 'the text was cut at a lone dot'
# What is not taken is told to the caller, who keeps it.
site a 'message_size = 1024'
! seq 1000 | send -s 'too long' bob@far.example 2>said || fail 'mailutils takes a refusal for success'
grep -q 'non-zero status' said || fail "mailutils says: $(cat said)"
grep -qx 1000 dead.letter || fail 'the text is not in dead.letter'
