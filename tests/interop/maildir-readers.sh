# The spool is a maildir: mblaze and mutt read it, and a reader that moves a
# file to cur/ in the middle loses nothing.
site a 'smarthost = "smtp://127.0.0.1:9"'
for i in 1 2 3; do printf 'Subject: letter %s\nFrom: alice@a.example\n\ntext %s\n' $i $i | at a smtp-send --queue-only bob@far.example; done
mlist "$WORK/a/spool" >names; same 3 "$(grep -c . names)" 'mblaze lists'
mscan -f '%s' $(cat names) >scan 2>/dev/null || mhdr -h subject $(cat names) >scan
same 3 "$(grep -c 'letter' scan)" 'mblaze shows subjects'
mutt -n -F /dev/null -e "set mbox_type=Maildir" -f "$WORK/a/spool" -Z </dev/null >/dev/null 2>&1 || :
first=$(ls a/spool/new | head -1)
mv "a/spool/new/$first" "a/spool/cur/$first:2,S"
same 3 "$(queued a)" 'still queued after a reader moved one'
sink
printf 'smarthost = "smtp://127.0.0.1:%s"\n' "$SINK" >tail
sed -i '/^smarthost/d' a.toml; cat tail >>a.toml
at a smtp-queue retry ${first%%,*}
at a smtp-queue run
same 0 "$(queued a)" 'left'
same 3 "$(ls sink | wc -l)" 'arrived once each'
