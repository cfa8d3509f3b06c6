# Everything here works on a machine that has Python 3.11 or later and make, and nothing else.
#
#   make demo       see a TLS 1.3 handshake happen, step by step
#   make test       every check and every test
#   make check      style, types, layers, docstrings
#   make coverage   the suite with a line-by-line report in build/coverage/html
#   make bench      speed beside the standard library's ssl
#   make docs       the documentation, in build/docs/index.html
#   make clean      remove what these made
#
# Another interpreter: make test PYTHON=python3.13

PYTHON ?= python3
VENV ?= .venv
# Test processes. The suite is written for two cores; more help a little.
JOBS ?= 2
# Further arguments for pytest: make test ARGS="-k hello"
ARGS ?=

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := $(wildcard src tests scripts examples benchmarks docs)
SOURCES := $(shell find $(CODE) -name '*.py')
PROJECT := pyproject.toml
# Where the engine lives, and how much of it the tests must reach.
MEASURED := wire record handshake connection
COVERAGE := $(foreach part,$(MEASURED),--cov=lucidtls.$(part)) --cov-report=term:skip-covered --cov-fail-under=95

export PIP_ROOT_USER_ACTION = ignore
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: help
help:
	@sed -n '3,9s/^#   //p' Makefile

# -- environments --------------------------------------------------------------------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "lucidtls needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.13" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/run: $(STAMPS)/venv $(PROJECT)
	@echo "installing lucidtls"
	@$(PIP) install --editable '.[cli]'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv $(PROJECT)
	@echo "installing lucidtls and what its tests and checks need"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(STAMPS)/run

$(STAMPS)/docs: $(STAMPS)/venv $(PROJECT)
	@echo "installing lucidtls and what its documentation needs"
	@$(PIP) install --editable '.[docs,all]'
	@touch $@ $(STAMPS)/run

.PHONY: dev
dev: $(STAMPS)/dev

# -- to see it -----------------------------------------------------------------------------------

.PHONY: demo
demo: $(STAMPS)/run
	@$(BIN)/python examples/demo.py

# -- to check it ---------------------------------------------------------------------------------

$(STAMPS)/ruff: $(STAMPS)/dev $(SOURCES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@touch $@

$(STAMPS)/mypy: $(STAMPS)/dev $(SOURCES)
	$(BIN)/mypy $(CODE)
	@touch $@

$(STAMPS)/pyright: $(STAMPS)/dev $(SOURCES)
	$(BIN)/pyright --venvpath . --warnings
	@touch $@

$(STAMPS)/layers: $(STAMPS)/dev $(SOURCES)
	$(BIN)/lint-imports --no-cache --no-logo
	@touch $@

$(STAMPS)/docstrings: $(STAMPS)/dev $(SOURCES)
	$(BIN)/interrogate src
	@touch $@

CHECKS := ruff layers docstrings mypy pyright

.PHONY: check
check: $(CHECKS:%=$(STAMPS)/%)

# Budgets first, alone and without coverage, because both would spoil what they measure. Then the rest,
# which reports last.
.PHONY: test
test: check
	$(BIN)/python -m pytest -m budget $(ARGS) || test $$? -eq 5  # 5: none of them was selected
	$(BIN)/python -m pytest -m 'not budget' -n $(JOBS) $(if $(ARGS),,$(COVERAGE)) $(ARGS)

# The peers that no Debian package has; .ci/run installs the others.
.PHONY: peers
peers: $(STAMPS)/dev
	$(BIN)/python -m tests.interop.install

.PHONY: coverage
coverage: $(STAMPS)/dev
	$(BIN)/python -m pytest -m 'not budget' -n $(JOBS) --cov=lucidtls --cov-report=term --cov-report=html:build/coverage/html

.PHONY: bench
bench: $(STAMPS)/run
	@$(BIN)/python benchmarks/run.py $(ARGS)

# -- to read about it ----------------------------------------------------------------------------

.PHONY: docs
docs: $(STAMPS)/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -d build/doctrees docs build/docs
	@echo "open build/docs/index.html"

.PHONY: clean
clean:
	rm -rf $(VENV) build dist docs/generated .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
