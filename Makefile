# `make help` lists the targets. The first two are all a new machine needs: `make demo`, `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
CATALOGUES := $(wildcard server/translations/*/LC_MESSAGES/*.po)
PIP_INSTALL := PYTHONWARNINGS=ignore $(BIN)/pip install -q --progress-bar off
PYTEST := $(BIN)/python -m pytest -q
BENCH_SHAPE = $(if $(STORE),--store $(STORE)) $(if $(WORKERS),--workers $(WORKERS))
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help setup setup-dev demo test test-walks test-long bench-faces bench-watch bench-qti bench-assembly bench-seating bench-import bench-paint bench-storm bench-monitor bench-saves bench-submit bench-logins bench-frames bench-seats soak check rehearse drill drill-faults drill-proctoring bundle fresh screenshots translations migration clean packages packages-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMPS)/server ## virtual environment, front-end libraries, catalogues

setup-dev: $(STAMPS)/dev ## the same with what the tests need

demo: setup ## a server, a smart room of 24 seats, a sitting with simulated candidates, a free seat for you
	@$(BIN)/examhall demo

test: setup-dev ## the tests
	@tests/run

test-walks: setup-dev ## whole ways that `make test` proves piece by piece, and the dearest single cases; CI runs both
	@tests/run walks

test-long: setup-dev ## what takes longer: a fresh chroot with the README's commands, long rehearsals, the longest browser walks
	@$(PYTEST) -m long tests

bench-faces: setup-dev ## how well and fast faces are told apart, on photos of your own: DIR=folder with an index.csv EXTRAS=folder of models
	@$(BIN)/python -m tests.benchmarks.bench_faces $(DIR) $(EXTRAS)

bench-watch: setup-dev ## what looking costs a seat: processor time by step, memory over 5,400 looks (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_watch

bench-assembly: setup-dev ## papers out of pools of 1,000 to 100,000 items, judged beside a random draw (some minutes)
	@$(BIN)/python -m tests.benchmarks.bench_assembly

bench-seating: setup-dev ## seats of 10,000 candidates in 200 rooms: CPU, colleagues left side by side, same map again
	@$(BIN)/python -m tests.benchmarks.bench_seating

bench-import: setup-dev ## what importing a workbook of 10,000 items costs, beside its bare reader, into a sealed bank
	@$(BIN)/python -m tests.benchmarks.import_bench

bench-paint: setup-dev ## how soon a candidate sees a paper of 100 questions after the key, in headless Chromium
	@$(BIN)/python -m tests.benchmarks.bench_paint

bench-qti: setup-dev ## what reading a QTI package of 2,000 items costs, beside unzipping and parsing alone
	@$(BIN)/python -m tests.benchmarks.qti_bench

bench-storm: setup ## a thousand seats get their key in the same second, beside everybody downloading then: SEATS=1000
	@$(BIN)/examhall bench storm --seats $(or $(SEATS),1000) --json

bench-monitor: setup ## how soon a change at one of a thousand seats is on fifty screens, beside a polling page: SEATS=1000
	@$(BIN)/examhall bench monitor --seats $(or $(SEATS),1000) --json

bench-saves: setup ## what a durable save costs in four regimes, beside the floor: STORE=postgres WORKERS=2 SPAN=10
	@for regime in paced saturated closed savers; do \
	  $(BIN)/examhall bench saves --regime $$regime --seconds $(or $(SPAN),10) $(BENCH_SHAPE) --json || exit 1; done

bench-submit: setup ## what handing in 100 answers costs, beside the floor, and marking them: SEATS=200 STORE=postgres WORKERS=2
	@$(BIN)/examhall bench submit --seats $(or $(SEATS),200) $(BENCH_SHAPE) --json

bench-logins: setup ## what signing in costs until the first question, by step, beside the floor: SEATS=200 STORE=postgres WORKERS=2
	@$(BIN)/examhall bench logins --seats $(or $(SEATS),200) $(BENCH_SHAPE) --json

bench-frames: setup ## what a picture costs and whether answers wait behind pictures: SEATS=200 STORE=postgres WORKERS=2
	@$(BIN)/examhall bench frames --seats $(or $(SEATS),200) $(BENCH_SHAPE) --json

bench-seats: setup ## what a connected seat costs with 100 to 5,000 of them (some ten minutes): SEATS=5000 PLOT=file.svg
	@$(BIN)/examhall bench seats --upto $(or $(SEATS),5000) $(BENCH_SHAPE) $(if $(PLOT),--plot $(PLOT)) --json

soak: setup ## a whole exam at an accelerated pace: does memory or latency grow? SEATS=1000 MINUTES=10
	@$(BIN)/examhall bench soak --seats $(or $(SEATS),1000) --minutes $(or $(MINUTES),10) $(BENCH_SHAPE) --json

check: setup-dev ## format, lint, types, import contracts, translations
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache && \
	  $(BIN)/python -m server.cli.translations --check && node --test tests/client/ui/*.test.mjs tests/server/ui/*.test.mjs

bundle: setup ## a signed archive that a machine without a network installs from: EXAMHALL_BUNDLE_KEY=private key
	@$(BIN)/examhall bundle $(if $(EXAMHALL_BUNDLE_KEY),--key $(EXAMHALL_BUNDLE_KEY))

rehearse: setup ## a whole sitting against a private server: SEATS=24 MINUTES=2 ROOM=smart
	@$(BIN)/examhall rehearse --room $(or $(ROOM),smart) --seats $(or $(SEATS),24) --minutes $(or $(MINUTES),2) --json

drill: setup ## faults on purpose with real agents, answers counted: ROUNDS=200
	@$(BIN)/examhall drill answers --rounds $(or $(ROUNDS),200) --json

drill-faults: setup ## every fault on purpose, on either store, with the seconds until seats were back: ROUNDS=100 STORE=sqlite SEATS=16 TAKEOVERS=2
	@$(BIN)/examhall drill faults --rounds $(or $(ROUNDS),100) --store $(or $(STORE),sqlite) --seats $(or $(SEATS),16) \
	  $(if $(SEED),--seed $(SEED)) $(if $(APPEND),--append $(APPEND)) $(if $(TAKEOVERS),--takeovers $(TAKEOVERS)) --json

drill-proctoring: setup ## staged sequences before real agents, alerts counted: PHOTOS=folder with an index.csv
	@$(BIN)/examhall drill proctoring --json $(if $(PHOTOS),--photos $(PHOTOS))

fresh: ## debootstrap a bookworm chroot and run both README commands in it (root, some minutes)
	@tests/system/fresh.sh

screenshots: setup-dev ## the pictures of docs/screens, made by the browser tests
	@EXAMHALL_SCREENSHOTS=docs/screens $(PYTEST) tests/system/test_browser.py tests/system/test_browser_smart.py tests/system/test_browser_monitor.py \
	  tests/system/test_browser_bank.py tests/system/test_browser_kiosk_axe.py

translations: setup-dev ## refresh the English catalogue from the sources
	@$(BIN)/python -m server.cli.translations

migration: setup-dev ## a new migration from the models: make migration MESSAGE="what changed"
	@$(BIN)/python -m server.cli.migration $(MESSAGE)

packages: $(STAMPS)/packages ## the Debian packages that running needs

packages-dev: $(STAMPS)/packages-dev ## the same and what the tests need

# Stamps lie inside the virtual environment: who removes it starts afresh.
$(STAMPS)/packages: packages.txt
	@mkdir -p $(STAMPS) && PYTHON=$(PYTHON) tests/packages.sh run && touch $@

$(STAMPS)/packages-dev: packages.txt | $(STAMPS)/packages
	@tests/packages.sh test && touch $@

$(STAMPS)/venv: | $(STAMPS)/packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@echo "· virtual environment" && $(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q --upgrade pip && touch $@

$(STAMPS)/npm: package.json package-lock.json | $(STAMPS)/packages
	@node -e 'if (parseInt(process.versions.node) < 18) { console.error("Node 18 or newer is needed"); process.exit(1) }'
	@echo "· front-end libraries" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error && touch $@

$(STAMPS)/python: setup.cfg pyproject.toml | $(STAMPS)/venv
	@echo "· Python packages (about a minute)" && $(PIP_INSTALL) -e '.[server]' && touch $@

ifeq ($(and $(wildcard proctoring/weights/NOTICE.txt),$(wildcard server/samples/faces/NOTICE.txt)),)
.PHONY: $(STAMPS)/weights # somebody removed them
endif
$(STAMPS)/weights: $(STAMPS)/python proctoring/manifest.json $(wildcard server/cli/weights/*.py)
	@$(BIN)/python -m server.cli.weights && touch $@

$(STAMPS)/server: $(STAMPS)/python $(STAMPS)/npm $(STAMPS)/weights server/cli/vendor.py $(CATALOGUES)
	@$(BIN)/python -m server.cli.vendor && $(BIN)/python -m server.cli.translations --compile && touch $@

$(STAMPS)/dev: $(STAMPS)/packages-dev $(STAMPS)/server setup.cfg
	@echo "· Python packages for the tests" && $(PIP_INSTALL) -e '.[server,standby,dev]' && touch $@

clean: ## forget everything that set-up and runs made
	@rm -rf $(VENV) node_modules var build *.egg-info server/static/vendor client/ui/vendor client/ui/catalog \
	  proctoring/weights server/samples/faces
