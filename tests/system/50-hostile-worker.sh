# A worker in a stranger's hands: root's parent does for it what is the
# worker's to ask, and survives the rest (DESIGN section 5).
touch /var/mail/{ann,bob}; chown ann /var/mail/ann; chown bob /var/mail/bob
[ -z "${runner:-}" ] || stop_runner; start_runner
kill -STOP $worker
mail_to ann 'asked for'; id=$(smtp-queue list --ids)
printf 'Subject: of another\n\ntext\n' | by ann sendmail bob; other=$(smtp-queue list --ids | grep -v "$id")
chmod 600 /var/mail/*; lines=$(cat /var/mail/* /etc/passwd /etc/shadow | sha256sum)
python3 hostile.py $worker $spool "$id" "$other" refuse || fail 'what the parent answers'
same "$lines" "$(cat /var/mail/* /etc/passwd /etc/shadow | sha256sum)" 'files after the refusals'
kill -0 $runner || fail 'the parent died'
say 'requests that make no sense are refused, the parent lives'

# The worker owns the spool and lays another expand/ there: it is not believed.
as_worker() { setpriv --reuid=smtputils --regid=smtputils --clear-groups "$@"; }
as_worker sh -c "cd $spool && mv expand aside && mkdir expand && echo '{\"v\":1,\"kind\":\"targets\",\"targets\":[{\"recipient\":0,\"to\":\"bob\"}]}' >expand/$id"
python3 hostile.py $worker $spool "$id" "$other" deliver || fail 'a good request after the bad ones'
holds /var/mail/ann 'asked for' || fail 'the message is not with its recipient'
! holds /var/mail/bob 'asked for' || fail "the worker's word counted"
as_worker sh -c "cd $spool && rm -r expand && mv aside expand"
# Nor does root sweep through a link that the worker lays.
touch -d '3 days ago' /root/victim
as_worker sh -c "cd $spool && mv tmp aside && ln -s /root tmp"
kill -CONT $worker; stop_runner; start_runner
[ -e /root/victim ] || fail 'root swept through a link'
until_true 'the rest' is_empty
stop_runner; as_worker sh -c "cd $spool && rm tmp && mv aside tmp"; start_runner
as_worker test ! -w $spool/expand || fail 'expand/ is writable for the worker'
say "the worker's word about recipients does not count"
