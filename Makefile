# Everything a developer types. On a new machine only Python 3.11 or newer is needed: `make run`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help run test check crash simulate fuzz lint fmt docs services clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

run: $(INSTALLED)  ## start a server with two people who already talked, on http://127.0.0.1:8080
	$(BIN)/sixin demo

test: services check  ## get what the tests need (PostgreSQL, NATS, Chromium, HAProxy), then check everything

# The browser's driver keeps an event loop running in its process, beside which no asynchronous test can run.
check: lint  ## check everything with what is there: format, lint, types, floors, tests
	@echo "== tests in a browser"
	@$(BIN)/python -m pytest -n 2 tests/browser
	@echo "== tests"
	@$(BIN)/python -m pytest -n 2 --ignore=tests/browser --cov=src/sixin/core --cov-report=term --cov-fail-under=95

lint: $(INSTALLED)  ## format, lint, types, floors; no tests
	@echo "== format" && $(BIN)/ruff format --check .
	@echo "== lint" && $(BIN)/ruff check .
	@echo "== types" && $(BIN)/mypy
	@echo "== floors" && $(BIN)/lint-imports

crash: $(INSTALLED)  ## kill the server 20 times under 200,000 sends and judge what is left (20 minutes)
	@$(BIN)/python -m tests.crash $(CRASH)

SEEDS ?= 200
START ?= 0
OPS ?= 500

simulate: $(INSTALLED)  ## run the real server and SDK over failing links, disks and clocks: make simulate SEEDS=2000 START=0 OPS=500
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --start $(START) --ops $(OPS) --jobs 2

SECONDS ?= 60
SEED ?= 0

fuzz: $(INSTALLED)  ## throw bad frames, bodies, tokens and contents at what reads them: make fuzz SECONDS=60 SEED=0
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

fmt: $(INSTALLED)  ## put the code in order
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: $(INSTALLED)  ## write the pages and examples that are generated
	@$(BIN)/python -m tests.reference

services: $(INSTALLED)  ## find or install PostgreSQL, NATS, Chromium and HAProxy for the tests
	@echo "== services" && $(BIN)/python -m tests.services

clean:  ## remove everything that make made
	rm -rf $(VENV) .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The environment is made again when the dependencies change; the file is written last, so a half-made one does not count.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Sixin needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "If you have a newer one, say which: make PYTHON=python3.12 …"; exit 1; }
	@echo "== environment"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'  # the first with --group
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@
