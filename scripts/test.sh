#!/usr/bin/env bash
# test.sh: format, lints, tests, manual lint, interop smoke. Last line: the sum.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

scripts/need.sh 'run the tests' mandoc=mandoc strace=strace openssl=openssl \
    setpriv=util-linux bash=bash zsh=zsh fish=fish /usr/bin/python3=python3

step() { printf '\n== %s\n' "$*"; }
step format
$cargo fmt --check
step lints
$cargo clippy --locked --all-targets -- -D warnings
step tests
log=$(mktemp); trap 'rm -f "$log"' EXIT
$cargo test --locked 2>&1 | tee "$log"
step manual
mandoc -T lint -W warning man/*.[1-8]
step interop smoke
$cargo build --locked --bins
tests/interop/run.sh target/debug smoke | tee -a "$log"

awk '/^test result:/ { p += $4; f += $6; i += $8 }
     /^interop: /    { p += $2; f += $4 }
     END { printf "\n%d passed, %d failed\n", p, f; exit f != 0 }' "$log"
