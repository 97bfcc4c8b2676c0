# Every target sets the machine up first and works from a fresh clone.

CARGO ?= cargo

.PHONY: run build test check doc setup setup-tests clean

# Shows a whole migration between two throw-away servers.
run: setup
	$(CARGO) run --release -p malote -- demo

build: setup
	$(CARGO) build --release

# Everything that must hold before a change goes in; ends with the test runner's summary.
test: check doc
	$(CARGO) test --workspace --doc --quiet
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace; \
	else \
		$(CARGO) test --workspace --lib --bins --tests; \
	fi

# Form: layout of the code, and no warning left.
check: setup-tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc: setup-tests
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

setup:
	sh ./setup.sh

setup-tests:
	sh ./setup.sh --tests

clean:
	$(CARGO) clean
