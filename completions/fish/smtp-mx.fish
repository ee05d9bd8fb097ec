complete -c smtp-mx -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-mx -l json -d 'One JSON object a host'
complete -c smtp-mx -s h -l help -d 'Print help'
complete -c smtp-mx -s V -l version -d 'Print version'
