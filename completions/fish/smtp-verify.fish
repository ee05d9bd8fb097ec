complete -c smtp-verify -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-verify -l syntax -d 'Only the syntax, no DNS'
complete -c smtp-verify -l json -d 'One JSON object an address'
complete -c smtp-verify -s h -l help -d 'Print help'
complete -c smtp-verify -s V -l version -d 'Print version'
