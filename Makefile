# `make help` lists the targets. The first two are all a new machine needs: `make demo`, `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PYTEST := $(BIN)/python -m pytest -q
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help setup setup-dev demo test test-long check rehearse fresh screenshots translations migration clean packages packages-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMPS)/server ## virtual environment, front-end libraries, catalogues

setup-dev: $(STAMPS)/dev ## the same with what the tests need

demo: setup ## a server, a room of 30 seats, a sitting with simulated candidates, a free seat for you
	@$(BIN)/examhall demo

test: setup-dev ## the tests (a few minutes)
	@tests/run

test-long: setup-dev ## what takes longer: a fresh chroot with the README's commands, long rehearsals
	@$(PYTEST) -m long tests

check: setup-dev ## format, lint, types, import contracts, translations
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache && \
	  $(BIN)/python -m server.cli.translations --check && node --test tests/client/ui/

rehearse: setup ## a whole sitting against a private server: SEATS=24 MINUTES=2
	@$(BIN)/examhall rehearse --seats $(or $(SEATS),24) --minutes $(or $(MINUTES),2) --json

fresh: ## debootstrap a bookworm chroot and run both README commands in it (root, some minutes)
	@tests/system/fresh.sh

screenshots: setup-dev ## the pictures of docs/screens, made by the browser test
	@EXAMHALL_SCREENSHOTS=docs/screens $(PYTEST) tests/system/test_browser.py

translations: setup-dev ## refresh the English catalogue from the sources
	@$(BIN)/python -m server.cli.translations

$(STAMPS)/packages: packages.txt
	@mkdir -p $(STAMPS)
	@tests/packages.sh
	@touch $@

$(STAMPS)/venv:
	@mkdir -p $(STAMPS)
	@echo "· virtual environment" && $(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q --upgrade pip
	@touch $@

$(STAMPS)/npm: package.json package-lock.json server/cli/vendor.py
	@mkdir -p $(STAMPS)
	@echo "· front-end libraries" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(STAMPS)/server: $(STAMPS)/packages $(STAMPS)/venv $(STAMPS)/npm setup.cfg pyproject.toml
	@echo "· Python packages (about a minute)" && $(BIN)/pip install -q --progress-bar off -e '.[server]'
	@$(BIN)/python -m server.cli.vendor
	@$(BIN)/python -m server.cli.translations --compile
	@touch $@

$(STAMPS)/dev: $(STAMPS)/server
	@echo "· packages for the tests" && $(BIN)/pip install -q --progress-bar off -e '.[server,dev]'
	@touch $@

clean: ## forget everything that set-up and runs made
	@rm -rf $(VENV) $(STAMPS) node_modules var build *.egg-info server/static/vendor client/ui/vendor client/ui/catalog
