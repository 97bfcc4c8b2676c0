# Every target sets the machine up first and works from a fresh clone.

CARGO ?= cargo

.PHONY: run dist build test check doc bench bench-memory bench-service bench-pst bench-parts fuzz salvage sim screenshots setup \
	setup-tests clean

# How many seeds the long lane of the simulation plays, and from which on.
SEEDS ?= 10000
FROM ?= 1

# Tests that run at once: they wait for servers about as long as they compute.
TEST_THREADS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))

# How long each fuzz target runs, in seconds.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := folder_names imap_location imap_responses mbox message_keys pst_frames pst_mime pst_native pst_rtf tgz

# Carries a sample domain between two throw-away servers, through the service, to an open gate; the console stays open
# until Ctrl-C. DEMO=--exit ends it there.
run: setup
	$(CARGO) build --release -p malote -p pst-writer
	target/release/pst-writer office target/demo.pst
	target/release/malote demo --pst target/demo.pst $(DEMO)

# A Debian package of the release build, in target/dist.
dist: setup
	$(CARGO) build --release --locked -p malote
	sh packaging/deb.sh target/release/malote target/dist

build: setup
	$(CARGO) build --release

# Everything that must hold before a change goes in; ends with the test runner's summary. Programs that tests start are
# built with the tests, for alone they would be built once more with other features of what lies below them. Examples in
# documents come after them: while the large libraries are built, other tests are.
test: check doc
	$(CARGO) build --workspace --bins --examples --tests
	$(CARGO) test --workspace --doc --quiet
	@export MALOTE_BUILT="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug"; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --no-fail-fast --test-threads $(TEST_THREADS); \
	else \
		$(CARGO) test --workspace --lib --bins --tests; \
	fi

# Form: layout of the code, and no warning left.
check: setup-tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc: setup-tests
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

# Times Malote against the rivals on PATH (imapsync also by IMAPSYNC=) in one run, over lines of several lengths.
# BENCH=quick takes two minutes; BENCH_CASES=30ms,tls runs the cases whose names hold a word. Into target/bench.
# Mail lies with temporary files; BENCH_MAIL=/dev/shm keeps it in memory.
bench: setup
	$(CARGO) build --release -p malote -p malote-benches
	BENCH="$(BENCH)" BENCH_CASES="$(BENCH_CASES)" BENCH_MAIL="$(BENCH_MAIL)" target/release/malote-benches

# Holds Malote's memory against its limits: many messages, one folder of 200,000, one of 200 MB, 100 mailboxes.
bench-memory: setup
	$(CARGO) build --release -p malote -p malote-benches
	BENCH="$(BENCH)" BENCH_CASES="$(BENCH_CASES)" BENCH_MAIL="$(BENCH_MAIL)" target/release/malote-benches memory

# Holds the reading of personal stores against readpst, against the server alone, and against their limits of memory.
# Files come of the project's own writer, of the one that GENPST names, or are named by PST_A, PST_B and PST_C.
# BENCH=quick tries the bench itself; BENCH_CASES=export,copy runs the parts whose names hold a word.
bench-pst: setup
	$(CARGO) build --release -p malote -p malote-benches
	BENCH="$(BENCH)" BENCH_CASES="$(BENCH_CASES)" BENCH_MAIL="$(BENCH_MAIL)" target/release/malote-benches pst

# Holds the service against its limits: lists while mailboxes copy, gates, readers of events, lines of log.
bench-service: setup
	$(CARGO) build --release -p malote -p malote-benches
	BENCH="$(BENCH)" target/release/malote-benches service

# Times the pure parts and the ledger (PostgreSQL's too where MALOTE_BENCH_POSTGRES is a URL).
bench-parts:
	$(CARGO) bench -p malote-benches

# The long lane: each parser against random octets. Seeds that fail stay in fuzz/artifacts until they are a test.
fuzz: setup
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzz: $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p fuzz/grown/$$target; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target fuzz/grown/$$target fuzz/corpus/$$target \
			-- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

# The long lane of the store reader: every kind of damage, ten copies of each file.
salvage: setup-tests
	$(CARGO) test -p malote-pst --test native -- --ignored --nocapture
	$(CARGO) test -p malote-pst --test proof mutants -- --ignored --nocapture

# Pictures of every screen of the console, empty and busy, in both languages, into target/screenshots.
screenshots: setup-tests
	$(CARGO) test -p acceptance --test console_browser -- --ignored pictures_of_every_screen

# The long lane of the simulation; `SEED=n` plays one seed with its whole course.
sim: setup-tests
	CARGO_PROFILE_DEV_OPT_LEVEL=2 $(CARGO) run --quiet -p acceptance --bin sim -- \
		$(if $(SEED),seed $(SEED),seeds $(SEEDS) $(FROM))

setup:
	sh ./setup.sh

setup-tests:
	sh ./setup.sh --tests

clean:
	$(CARGO) clean
