# smtp-queue run into Postfix's smtp-sink, with and without pipelining and EHLO.
for options in '' '-p' '-e' '-8'; do
    rm -rf "$WORK/sink"
    sink $options
    site a "smarthost = \"smtp://127.0.0.1:$SINK\""
    for i in 1 2 3; do
        printf 'Subject: number %s\n\n.\n..two\nline with trailing blanks  \nlast' "$i" |
            at a smtp-send --queue-only --from alice@a.example "bob$i@far.example" carol@far.example
    done
    same 3 "$(queued a)" "queued (smtp-sink $options)"
    at a smtp-queue run
    same 0 "$(queued a)" "left (smtp-sink $options)"
    same 3 "$(ls "$WORK/sink" | wc -l)" "arrived (smtp-sink $options)"
    for file in "$WORK"/sink/*; do
        grep -q 'line with trailing blanks  ' "$file" || fail "trailing blanks lost in $file"
        grep -qx '\.\.two' "$file" || fail "a line of two dots and a word changed in $file"
    done
    kill %% 2>/dev/null || :; wait 2>/dev/null || :
done
