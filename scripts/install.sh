#!/bin/sh
# install.sh BUILD DESTDIR PREFIX: programs, links, manual pages, completions,
# example configuration. Changes nothing outside DESTDIR/PREFIX.
set -eu
umask 022
build=$1 dest=$2 prefix=$3
cd "$(dirname "$0")/.."
bin=$dest$prefix/bin sbin=$dest$prefix/sbin share=$dest$prefix/share
put() { install -D -m "$1" "$2" "$3"; echo "$3"; }
for program in smtp-send smtp-mx smtp-verify smtp-queue; do put 755 "$build/$program" "$bin/$program"; done
put 755 "$build/smtp-serve" "$sbin/smtp-serve"
mkdir -p "$sbin" "$dest$prefix/lib"
for name in sendmail send-mail; do ln -sfn ../bin/smtp-send "$sbin/$name"; echo "$sbin/$name"; done
for name in mailq newaliases; do ln -sfn smtp-send "$bin/$name"; echo "$bin/$name"; done
ln -sfn smtp-queue "$bin/runq"; echo "$bin/runq"
ln -sfn ../bin/smtp-send "$dest$prefix/lib/sendmail"; echo "$dest$prefix/lib/sendmail"
for page in man/*.[1-8]; do put 644 "$page" "$share/man/man${page##*.}/${page#man/}"; done
for name in mailq newaliases send-mail; do
    mkdir -p "$share/man/man1"; echo ".so man8/sendmail.8" >"$share/man/man1/$name.1"; done
echo ".so man8/smtp-queue.8" >"$share/man/man8/runq.8"
for f in completions/bash/*; do put 644 "$f" "$share/bash-completion/completions/$(basename "$f" .bash)"; done
# Where zsh looks: Debian's does not read /usr/share/zsh/site-functions.
zsh=site-functions
[ "$prefix" != /usr ] || [ ! -e /etc/debian_version ] || zsh=vendor-completions
for f in completions/zsh/*; do put 644 "$f" "$share/zsh/$zsh/$(basename "$f")"; done
for f in completions/fish/*; do put 644 "$f" "$share/fish/vendor_completions.d/$(basename "$f")"; done
put 644 share/config.toml.example "$share/doc/smtputils/config.toml.example"
for f in README.md CHANGELOG.md; do put 644 "$f" "$share/doc/smtputils/$f"; done
