# make up     installs what is missing, builds, and starts hub, agent and console: http://127.0.0.1:8420
# make down   ends them
# make test   installs what the tests need, and runs all of them
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gabion
export CARGO_TARGET_DIR ?= $(CACHE)/target
GABION := $(CARGO_TARGET_DIR)/release/gabion
SUDO := $(if $(filter-out 0,$(shell id -u)),$(shell command -v sudo))

.PHONY: up down console test lint bench fuzz tools-build tools-test

# The agent needs root; without it the hub comes up alone, and says so.
up: tools-build console
	cargo build --release --locked
	$(SUDO) $(GABION) up --detach

down:
	$(SUDO) $(GABION) down

console:
	scripts/console.sh build

test: tools-test console
	scripts/fetch-yardsticks.sh $(CACHE)/yardsticks
	scripts/fetch-schemas.sh $(CACHE)/schemas
	scripts/fetch-opensearch.sh $(CACHE)/opensearch
	scripts/fetch-oidc.sh $(CACHE)/oidc
	scripts/fetch-schemathesis.sh $(CACHE)/schemathesis
	scripts/fetch-duckdb.sh $(CACHE)/duckdb
	scripts/console.sh check
	cargo test --workspace --locked
	scripts/console.sh tour $(CARGO_TARGET_DIR)/debug/gabion

lint: tools-build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask layers
	scripts/deny.sh
	cargo check --locked --manifest-path fuzz/Cargo.toml

# Packages and secrets of a large image beside Trivy and Syft; the secret scan alone beside other ways of it; the database; plans;
# rules, the sensor, enforcement, and what the agent costs a server (root).
bench: tools-test
	scripts/fetch-yardsticks.sh $(CACHE)/yardsticks
	cargo build --release --locked
	scripts/bench-image.sh $(CACHE)/bench
	scripts/bench.py $(GABION) $(CACHE)/bench $(CACHE)/yardsticks
	scripts/bench-entries.sh $(GABION) $(CACHE)/bench
	GABION_BENCH_ROOT=$(CACHE)/bench/rootfs cargo bench --package gabion-image --bench secrets
	cargo bench --package gabion-advisory --bench database
	cargo bench --package gabion-plan --bench plan
	cargo bench --package gabion-detect --bench rules
	cargo bench --package gabion-node --bench sensor
	cargo bench --package gabion-node --bench enforce
	scripts/bench-agent.py $(GABION)
	cargo bench --package gabion-store --bench events
	GABION=$(GABION) cargo bench --package gabion-hub --bench estate

# Every parser of image content for SECONDS each.
SECONDS_EACH ?= 60
fuzz: tools-build
	scripts/fuzz.sh $(SECONDS_EACH)

tools-build:
	scripts/install.sh build

tools-test:
	scripts/install.sh test
