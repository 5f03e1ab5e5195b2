# IBEX. `make up` starts everything, `make test` passes the tests; both need Python 3.11 and make, and nothing else.

VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
# Test processes: one for each core. `make test JOBS=0 ARGS='-x tests/core'` runs some of them in one process.
JOBS ?= auto
SPECIAL := browser or quality or load or chaos

IS_311 := import sys; sys.exit(sys.version_info[:2] != (3, 11))

.PHONY: help up test test-all lint lock clean venv install install-dev
.DEFAULT_GOAL := help

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

up: install  ## Start everything: database, cache, web server, workers (Ctrl-C stops it)
	@exec $(PY) manage.py up

test: install-dev  ## Run the tests, on servers of their own
	@exec $(PY) -m pytest -n $(JOBS) $(ARGS)

test-all: test  ## The tests, then the slow ones: browser, quality, load, chaos
	@exec $(PY) -m pytest -m '$(SPECIAL)' $(ARGS)

lint: install-dev  ## Style, types, import directions, templates, missing migrations
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/djlint --quiet --lint templates
	@$(PY) -m ibex.embedded.testing $(VENV)/bin/mypy
	@$(PY) -m ibex.embedded.testing $(VENV)/bin/lint-imports
	@$(PY) -m ibex.embedded.testing $(PY) manage.py makemigrations --check --dry-run

install: venv  ## Install what IBEX runs on into .venv, when the lock file has changed
	$(call install,base)

install-dev: venv  ## Install what the tests need as well
	$(call install,dev)
	@cmp -s requirements/base.lock $(VENV)/base.lock || cp requirements/base.lock $(VENV)/base.lock

lock: venv  ## Resolve requirements/*.in into the lock files
	@test -x .cache/uv/bin/uv || { $(PY) -m venv .cache/uv && .cache/uv/bin/python -m pip install --quiet uv; }
	$(call resolve,base)
	$(call resolve,dev)

clean:  ## Remove .venv and every cache; the data in .ibex stays
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage htmlcov staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@test -x $(PY) && $(PY) -c '$(IS_311)' || { \
	  for python in python3.11 python3 python; do \
	    $$python -c '$(IS_311)' 2>/dev/null && break; python=; \
	  done; \
	  test -n "$$python" || { echo "IBEX needs Python 3.11, which is not on the PATH: install python3.11." >&2; exit 1; }; \
	  $$python -m venv --clear $(VENV) >/dev/null || { \
	    rm -rf $(VENV); \
	    echo "Python cannot make $(VENV): on Debian and Ubuntu, install python3.11-venv." >&2; exit 1; }; }

# Bring .venv up to a lock file. The copy inside .venv says what is installed: a changed lock is installed once.
define install
@cmp -s requirements/$(1).lock $(VENV)/$(1).lock || { \
  echo "Installing requirements/$(1).lock into $(VENV), once…"; \
  $(PY) -m pip install -qq --no-input --disable-pip-version-check --no-deps --require-hashes -r requirements/$(1).lock \
    || { echo "The packages could not be installed: the lines above say which one and why." >&2; exit 1; }; \
  cp requirements/$(1).lock $(VENV)/$(1).lock; }
endef

define resolve
@.cache/uv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header \
  --override requirements/overrides.txt requirements/$(1).in -o requirements/$(1).lock
endef
