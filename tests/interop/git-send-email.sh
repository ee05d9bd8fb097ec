# git send-email --sendmail-cmd: recipients as arguments, no --.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
sendmail=$(our_sendmail a)
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@a.example GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@a.example
git init -q repo; cd repo
printf 'one\n' >file; git add file; git commit -qm 'first: a file'
printf '.\n..\n' >>file; git commit -qam 'second: dots'
git format-patch -q -1
perl "$PEERS/usr/lib/git-core/git-send-email" --quiet --confirm=never --suppress-cc=all --from=a@a.example --to=list@far.example --bcc=b@far.example \
    --envelope-sender=a@a.example --sendmail-cmd="$sendmail" 0001-*.patch || fail "git send-email said $?"
cd ..
arrive 1 sink
empties a
grep -q '^+\.\.$' sink/* || fail 'the patch changed'
grep -q 'X-Mail-Args: <a@a.example>' sink/* || fail 'the envelope sender is wrong'
grep -q 'X-Rcpt-Args: <b@far.example>' sink/* || fail 'bcc is missing in the envelope'
