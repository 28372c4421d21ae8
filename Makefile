# The verbs of Humiao. `make run` and `make test` are all a newcomer needs.
# Prerequisites: Python >= 3.11, Rust, a C linker, make. Everything else goes into .venv and web/node_modules.
# What is built is stamped by the content of its sources (tools/stamp.py): what did not change is not built again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(PYTHON) tools/stamp.py
RUST_SOURCES := Cargo.toml Cargo.lock pyproject.toml core_rs/booking-core core_rs/booking-redis core_rs/booking-ledger \
	core_rs/booking-gate core_rs/booking-python
WEB_PACKAGES := web/package.json web/package-lock.json web/h5/package.json web/shared/package.json web/.npmrc
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q

.DEFAULT_GOAL := help
.PHONY: help run build venv core web-packages web lint format openapi browser test test-fast fuzz bench loaders loadtest soak fairness offers \
	room-histories lock clean

help: ## show the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## start a demo city on embedded servers; Ctrl-C stops it
	@$(BIN)/humiao up --demo

build: venv core web ## install, compile the extension, build the pages

venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@$(PY) -c '' 2>/dev/null || { echo "Making $(VENV) …"; rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@$(STAMP) $(VENV)/.stamps/venv requirements/dev.txt --also "$$($(PY) -VV)" -- \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt

core: venv
	@$(STAMP) $(VENV)/.stamps/core $(RUST_SOURCES) --also "$$(cargo --version)" \
		--product 'pyapp/humiao/_core*.so' --product '$(BIN)/humiao' -- \
		env -u CONDA_PREFIX PIP_QUIET=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --release --locked --quiet

web-packages: venv
	@$(STAMP) $(VENV)/.stamps/web-packages $(WEB_PACKAGES) --product 'web/node_modules/.package-lock.json' -- \
		tools/npm ci --no-progress --loglevel=error

web: web-packages ## build the resident pages
	@$(STAMP) $(VENV)/.stamps/web $(WEB_PACKAGES) web/h5 web/shared --product 'web/h5/dist/index.html' -- \
		tools/npm run build --silent

lint: build ## ruff, mypy --strict, rustfmt, clippy, types of the pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	tools/npm run typecheck --silent

format: venv ## format Python and Rust
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --all

browser:
	@tools/browser

test: lint browser ## everything: lint, Rust, pages, Python with the browser journeys
	cargo test --workspace --locked --quiet
	tools/npm test --silent
	$(BIN)/pytest -q --color=no

test-fast: build ## Rust and Python tests without browser and slow ones
	cargo test --workspace --locked --quiet
	$(BIN)/pytest -q --ignore tests/e2e -m 'not slow'

fuzz: ## odd bytes for the gate, a million for each reader (HUMIAO_FUZZ_INPUTS, HUMIAO_FUZZ_SEED)
	HUMIAO_FUZZ_INPUTS=$${HUMIAO_FUZZ_INPUTS:-1000000} \
		cargo test --profile fuzz -p booking-gate --test fuzz --locked -- --nocapture

bench: build loaders ## measure against peers; writes bench/results and docs/performance
	@# What was measured is rendered whether it is what was promised or not.
	HUMIAO_BENCH_RECORD=1 $(BIN)/pytest -q bench; kept=$$?; \
	$(PY) -m bench.report && $(PY) -m bench.rush.report && exit $$kept
	$(PY) -m bench.rush.instructions
	cargo bench --locked --quiet -p booking-core -p booking-gate

loaders:
	@tools/loaders

loadtest: build ## load a running city with journeys, then audit it
	PYTHONPATH=. $(BIN)/locust -f loadtest/locustfile.py --headless --only-summary -u 200 -r 100 -t 30s

SOAK_MINUTES ?= 10
SOAK_SEED ?= 1

soak: build ## kill gate, API, Valkey and PostgreSQL at random under load for SOAK_MINUTES, then audit (SOAK_SEED)
	$(PY) -m tests.faults.soak --minutes $(SOAK_MINUTES) --seed $(SOAK_SEED)

fairness: build ## 1,000 scripts without patience against 1,000 people: plain opening, waiting room, draw (three minutes)
	$(PY) -m tests.faults.fairness --json-file bench/results/fairness.json

offers: build ## let 500 people accept, decline and let pass the offers of killed workers, then audit (HUMIAO_OFFER_CLIENTS)
	HUMIAO_OFFER_CLIENTS=$${HUMIAO_OFFER_CLIENTS:-500} $(BIN)/pytest -q tests/concurrency/test_offers.py

room-histories: core ## two hundred histories of a waiting room, with kills and failovers (HUMIAO_ROOM_HISTORIES, _SEED)
	HUMIAO_ROOM_HISTORIES=$${HUMIAO_ROOM_HISTORIES:-200} $(BIN)/pytest -q --color=no tests/unit/rooms/test_histories.py

openapi: core web-packages ## write the API's description, problem steps and the types of the pages anew
	$(BIN)/humiao openapi > web/shared/api/openapi.json
	$(BIN)/humiao problems > web/shared/api/problems.json
	tools/npm run generate --silent

lock: venv ## write the hashed requirements anew from pyproject.toml
	$(BIN)/$(COMPILE) -o requirements/run.txt
	$(BIN)/$(COMPILE) --extra dev -c requirements/run.txt -o requirements/dev.txt

clean: ## remove what was built; a city's data in .humiao stays
	rm -rf target $(VENV) web/node_modules web/h5/dist pyapp/humiao/_core*.so
