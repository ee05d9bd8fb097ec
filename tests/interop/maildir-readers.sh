# The spool is a maildir: mblaze and mutt read it, and a reader that marks a
# message as read, which renames it into cur/, loses nothing.
site a 'smarthost = "smtp://127.0.0.1:9"'
for i in 1 2 3; do printf 'Subject: letter %s\nFrom: alice@a.example\n\ntext %s\n' $i $i | at a smtp-send --queue-only bob@far.example; done
mlist "$WORK/a/spool" >names; same 3 "$(grep -c . names)" 'mblaze lists'
mhdr -h subject $(cat names) | sort >subjects
same 'letter 1 letter 2 letter 3' "$(xargs <subjects)" 'mblaze shows subjects'
one=$(sort names | head -1)
mshow "$one" | grep -qx "text [123]" || fail "mblaze does not show the text: $(mshow "$one")"
# mutt wants a terminal: reads the first message, leaves, syncs.
TERM=vt100 LC_ALL=C.UTF-8 timeout 20 script -qec "mutt -n -F /dev/null -e 'set mbox_type=Maildir' -e 'set folder=.' -e 'set pager=builtin' \
    -e 'set mark_old=no' -e 'push <first-entry><display-message><exit><sync-mailbox><exit>' -f '$WORK/a/spool'" screen >/dev/null || fail "mutt said $?: $(cat -v screen)"
grep -aq 'letter 2' screen || fail 'mutt does not show the messages'
same 1 "$(ls a/spool/cur | grep -c ':2,S$')" 'messages that mutt marked as read'
same 2 "$(ls a/spool/new | wc -l)" 'messages left in new/'
same 3 "$(queued a)" 'still queued after a reader moved one'
read=$(ls a/spool/cur)
sink
sed -i "s|^smarthost.*|smarthost = \"smtp://127.0.0.1:$SINK\"|" a.toml
at a smtp-queue retry "${read%%,*}"
at a smtp-queue run
empties a
for i in 1 2 3; do same 1 "$(grep -lx "Subject: letter $i" sink/* | wc -l)" "copies of letter $i"; done
