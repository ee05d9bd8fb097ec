# kill -9 of worker and parent: nothing is lost, a restart delivers (S3).
flood() { local n; for n in $(seq "$1" "$2"); do printf 'Subject: flood %s\n\ntext\n' "$n" | sendmail -i bob || fail "sendmail: $?"; done; }
arrived() { local n; for n in $(seq "$1" "$2"); do holds /var/mail/bob "flood $n" || return 1; done; }
rm -f /var/mail/bob

flood 1 40 & submitter=$!
until_true 'it delivers' holds /var/mail/bob 'flood 5'
kill -9 $worker
until_true 'a parent without its worker ends' not kill -0 $runner
! wait $runner || fail 'it says that all is well'
wait $submitter
start_runner
until_true 'a restart delivers' is_empty
arrived 1 40 || fail 'a message is lost'
say 'the worker is killed: nothing is lost'

flood 41 80 & submitter=$!
until_true 'it delivers' holds /var/mail/bob 'flood 45'
kill -9 $runner; wait $runner || :
until_true 'a worker without its parent ends' not kill -0 $worker
until_true 'the lock is free' not has_lock
wait $submitter
start_runner
until_true 'a restart delivers' is_empty
arrived 41 80 || fail 'a message is lost'
say 'the parent is killed: its worker ends, nothing is lost'

stop_runner; rm -f /var/mail/bob
flood 81 160
start_runner
smtp-queue run --watch 2>>/root/queue.err & second=$!
smtp-queue run &
until_true 'two runners and a pass empty the queue' is_empty
wait $!
arrived 81 160 || fail 'a message is lost'
same 80 "$(grep -c '^Subject: flood' /var/mail/bob)" 'each is delivered once'
kill $second; wait $second || fail "the second runner ends with $?"
say 'several runners deliver each message once'
