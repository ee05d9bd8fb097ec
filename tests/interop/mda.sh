# procmail and maildrop by pipe:, mutt reads an mbox that we wrote.
# Unpacked, maildrop is setgid and would not find its libraries.
cp "$PEERS/usr/bin/maildrop" maildrop; chmod 755 maildrop
libraries=$LD_LIBRARY_PATH:$(dirname "$(find "$PEERS/usr/lib" -name libcourierauth.so.0 | head -1)")
mkdir -p box rc; chmod 700 rc
printf 'MAILDIR=%s/box\nDEFAULT=%s/box/procmail\nLOGFILE=%s/procmail.err\n:0:\n* ^Subject: sorted\nsorted\n' "$WORK" "$WORK" "$WORK" >rc/procmail
printf 'to "%s/box/maildrop"\n' "$WORK" >rc/maildrop; chmod 600 rc/*
site b "[[route]]
match = \"procmail@b.example\"
to = \"pipe:$PEERS/usr/bin/procmail -f {sender} -m $WORK/rc/procmail\"
[[route]]
match = \"maildrop@b.example\"
to = \"pipe:/usr/bin/env LD_LIBRARY_PATH=$libraries $WORK/maildrop -f {sender} $WORK/rc/maildrop\"
[[route]]
match = \"mbox@b.example\"
to = \"mbox:$WORK/b/mail/{user}.mbox\"
[serve]
users = [\"procmail\", \"maildrop\", \"mbox\"]"
printf 'Subject: sorted\n\nFrom the first\n.\n' | at b smtp-send --now -f a@a.example procmail@b.example || fail "procmail: $?"
printf 'Subject: plain\n\nFrom the second\n' | at b smtp-send --now -f a@a.example procmail@b.example maildrop@b.example mbox@b.example ||
    fail "all: $?"
printf 'Subject: third\n\ntext\n' | at b smtp-send --now -f a@a.example mbox@b.example || fail "mbox: $?"
grep -q '^Delivered-To: procmail@b.example' box/sorted || fail 'procmail did not sort'
for file in box/procmail box/maildrop; do
    grep -q '^Subject: plain' "$file" || fail "$file: $(cat "$file")"
    grep -q '^From a@a.example' "$file" || fail "$file: the sender"
done
# mutt lists both and shows the second.
TERM=vt100 LC_ALL=C.UTF-8 HOME=$WORK timeout 20 script -qec "mutt -n -F /dev/null -R -e 'set pager=builtin' -e 'set folder=.' \
    -e 'push <last-entry><display-message><exit><exit>' -f '$WORK/b/mail/mbox.mbox'" screen >/dev/null </dev/null || fail "mutt said $?: $(cat -v screen)"
for text in plain third; do grep -aq "$text" screen || fail "mutt does not show $text"; done
python3 - "$WORK/b/mail/mbox.mbox" <<'END'
import mailbox, sys
box = list(mailbox.mbox(sys.argv[1]))
assert [m["Subject"] for m in box] == ["plain", "third"], [m["Subject"] for m in box]
assert box[0].get_payload() == ">From the second\n", box[0].get_payload()
END
