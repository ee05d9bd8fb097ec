# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_smtp_serve_global_optspecs
    string join \n listen= stdin role= json relay-from= hostname= tls-certificate= tls-key= spool= config= h/help V/version
end

function __fish_smtp_serve_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_smtp_serve_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_smtp_serve_using_subcommand
    set -l cmd (__fish_smtp_serve_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l listen -d 'Listen here: HOST:PORT, ROLE://HOST:PORT or ROLE:/PATH; may be repeated' -r
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l role -d 'What an inherited socket is for; else its name or port says it' -r
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l relay-from -d 'Networks that may send to anybody' -r
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l hostname -d 'Name in the greeting' -r
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l tls-certificate -d 'Certificate chain, PEM' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l tls-key -d 'Key of the certificate, PEM' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l spool -d 'The spool' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l config -d 'Configuration file' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l stdin -d 'Serve one session on standard input and output'
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -l json -d 'Write the log as JSON'
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -s h -l help -d 'Print help'
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -s V -l version -d 'Print version'
complete -c smtp-serve -n "__fish_smtp_serve_needs_command" -f -a "passwd" -d 'Sets the password of a user who may log in; adds the user where it is new'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l file -d 'The file of users (auth.users, else /etc/smtputils/users)' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l config -d 'Configuration file' -r -F
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l delete -d 'Remove the user'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l check -d 'Change nothing, tell whether this is the password'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l list -d 'Print the users'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l scram-sha-1 -d 'Also for clients that know no better than SCRAM-SHA-1'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -l cram-md5 -d 'Also for CRAM-MD5: keeps the password itself'
complete -c smtp-serve -n "__fish_smtp_serve_using_subcommand passwd" -s h -l help -d 'Print help'
