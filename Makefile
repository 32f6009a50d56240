# Everything a developer types. On a new machine only Python 3.11 or newer is needed: `make run`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

# A container may forbid Python to keep what it compiled. The tests start hundreds of processes, and each would compile
# everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check crash simulate fuzz lint style types core-tests fmt docs services clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

run: $(INSTALLED)  ## start a server with two people who already talked, on http://127.0.0.1:8080
	$(BIN)/sixin demo

test: services check  ## get what the tests need (PostgreSQL, NATS, Chromium, HAProxy), then check everything

# Twice the cores of a small machine: half of the time a test waits, for a disk or for somebody who must not answer.
WORKERS ?= 4

# The types need one core, and so do the core's tests. Those count the lines they reach, which doubles their time: the
# other tests go without, with whom it would be 100 % instead of 99.
check: style  ## check everything with what is there: format, lint, types, floors, tests
	@$(MAKE) --no-print-directory -j 2 types core-tests
	@echo "== tests"
	@$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/core

core-tests: $(INSTALLED)
	@echo "== tests of the core, and how much of it they reach"
	@$(BIN)/python -m pytest tests/core --cov=src/sixin/core --cov-report=term --cov-fail-under=95

lint: style types  ## format, lint, types, floors; no tests

style: $(INSTALLED)
	@echo "== format" && $(BIN)/ruff format --check .
	@echo "== lint" && $(BIN)/ruff check .
	@echo "== floors" && $(BIN)/lint-imports

# Said when it is done, in one piece: something else may be speaking meanwhile.
types: $(INSTALLED)
	@said=$$($(BIN)/mypy 2>&1); status=$$?; printf '== types\n%s\n' "$$said"; exit $$status

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
