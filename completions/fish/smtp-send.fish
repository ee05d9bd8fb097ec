complete -c smtp-send -s f -l from -d 'Sender of the envelope, who gets bounces; <> for nobody [default: you]' -r
complete -c smtp-send -s F -l full-name -d 'Full name for a missing From field' -r
complete -c smtp-send -l config -d 'Configuration file instead of the system\'s and the user\'s' -r -F
complete -c smtp-send -l spool -d 'Spool directory' -r -F
complete -c smtp-send -s t -l header-recipients -d 'Recipients are in To, Cc and Bcc too'
complete -c smtp-send -l now -d 'Deliver while you wait, without the queue; the exit status tells'
complete -c smtp-send -l queue-only -d 'Only queue; a later queue run makes the first attempt'
complete -c smtp-send -s h -l help -d 'Print help'
complete -c smtp-send -s V -l version -d 'Print version'
