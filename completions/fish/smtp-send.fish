complete -c smtp-send -s f -l from -d 'Sender, who gets bounces; <> for nobody' -r
complete -c smtp-send -s F -l full-name -d 'Full name for a missing From field' -r
complete -c smtp-send -l to -d 'Recipients, in the field To (as arguments are)' -r
complete -c smtp-send -l cc -d 'Recipients in Cc' -r
complete -c smtp-send -l bcc -d 'Recipients in no field' -r
complete -c smtp-send -l reply-to -d 'Where answers go' -r
complete -c smtp-send -s s -l subject -d 'Subject' -r
complete -c smtp-send -l text -d 'The text, instead of standard input (-)' -r
complete -c smtp-send -l html -d 'HTML, beside the text; - is standard input' -r -F
complete -c smtp-send -s a -l attach -d 'Attach FILE (repeat for more)' -r -F
complete -c smtp-send -l inline -d 'FILE for the HTML, which calls it cid:NAME' -r -F
complete -c smtp-send -l header -d 'Another field, \'Name: value\'' -r
complete -c smtp-send -l server -d 'To smtp://HOST, smtps:, submission:, lmtp:' -r
complete -c smtp-send -l account -d 'Use this account of the configuration' -r
complete -c smtp-send -l user -d 'Log in at --server; asks for the password' -r
complete -c smtp-send -l password-file -d 'The password is the first line of FILE' -r -F
complete -c smtp-send -l tls -d 'TLS: none, opportunistic, required, pinned' -r
complete -c smtp-send -l until -d 'End after ehlo, starttls, auth, mail, rcpt, data' -r
complete -c smtp-send -l ehlo -d 'Our name in EHLO' -r
complete -c smtp-send -l mail-param -d 'KEYWORD[=VALUE] for MAIL, offered or not' -r
complete -c smtp-send -l rcpt-param -d 'The same for RCPT' -r
complete -c smtp-send -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-send -l spool -d 'Spool directory' -r -F
complete -c smtp-send -s t -l header-recipients -d 'Recipients are in To, Cc and Bcc too'
complete -c smtp-send -l now -d 'Deliver while you wait, and tell each result'
complete -c smtp-send -l or-queue -d 'As --now; what is deferred goes to the queue'
complete -c smtp-send -l queue-only -d 'Only queue; a later queue run delivers'
complete -c smtp-send -l json -d 'One JSON object a recipient'
complete -c smtp-send -l trace -d 'Show the dialogue on stderr, secrets masked'
complete -c smtp-send -l dry-run -d 'Tell who would get it how; send nothing'
complete -c smtp-send -l print -d 'With --dry-run: show the message itself'
complete -c smtp-send -l no-pipelining -d 'One command at a time'
complete -c smtp-send -s h -l help -d 'Print help'
complete -c smtp-send -s V -l version -d 'Print version'
