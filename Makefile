# make              release programs in target/release
# make demo         the main job for real, in a throw-away directory
# make test         what .ci/run runs: format, lints, tests, docs, interop smoke
# make install      DESTDIR= PREFIX=/usr/local
# make install-system   as root: the system's sendmail, with runner and server
# make interop      against real programs from Debian packages; as root also
#                   the system installation in a Debian tree of its own
# make bench        beside Postfix and dma in one run (root; builds a lab)
# make powercut     the spool under simulated power cuts (root)
# make fuzz TARGET=data SECONDS=60
# make refresh      regenerate the committed completions

CARGO   ?= cargo
PREFIX  ?= /usr/local
DESTDIR ?=
PROGRAMS = smtp-send smtp-mx smtp-verify smtp-queue smtp-serve
RELEASE = target/release

.PHONY: all tools check test demo install install-system uninstall-system interop bench powercut fuzz refresh clean

# smtp-send is linked statically where the C library allows it: it starts in
# half the time, and a setgid program without a dynamic loader has nothing that
# an environment could misdirect. It asks NSS by getent(1), so it loses nothing.
STATIC = printf 'int main(void){return 0;}' | cc -static -x c - -o /dev/null 2>/dev/null
OTHERS = $(patsubst %,--bin %,$(filter-out smtp-send,$(PROGRAMS)))

all: tools
	$(CARGO) build --release --locked $(OTHERS)
	@if $(STATIC); then set -x; $(CARGO) rustc --release --locked --bin smtp-send -- -C target-feature=+crt-static; \
	else set -x; $(CARGO) build --release --locked --bin smtp-send; fi

tools:
	@scripts/need.sh 'build the programs' gcc=gcc pkg-config=pkg-config +libssl-dev

check: test

test: tools
	@scripts/test.sh

demo: all
	@scripts/demo.sh $(RELEASE)

install: all
	@scripts/install.sh '$(RELEASE)' '$(DESTDIR)' '$(PREFIX)'

install-system: all
	@scripts/install-system.sh '$(RELEASE)'

uninstall-system:
	@scripts/install-system.sh --remove

interop: all
	@tests/interop/run.sh $(RELEASE) all
	@if [ "$$(id -u)" = 0 ]; then tests/system.sh $(RELEASE); else echo 'system: not root, left out'; fi

bench: all
	@bench/run.sh $(RELEASE)
	@bench/mx.sh $(RELEASE)
	@bench/parallel.sh $(RELEASE)

powercut: tools
	@scripts/need.sh 'cut the power of a loop image' mkfs.ext4=e2fsprogs losetup=mount /usr/bin/python3=python3
	@tests/powercut.sh

TARGET  ?= data
SECONDS ?= 60
fuzz: tools
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz --locked
	RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $(TARGET) -- -max_total_time=$(SECONDS)

refresh:
	UPDATE=1 $(CARGO) test --locked --test docs

clean:
	$(CARGO) clean
