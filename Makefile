# `make run` and `make test` each work alone on a machine with Python 3.11 or newer, git and make: what they need is
# installed once into .venv, pinned and checked by hash, and again only when the pins or the Python change.

.DEFAULT_GOAL := help
.PHONY: help run test lint bench docs picture lock clean

# The first of these that is new enough is taken; name another one with `make PYTHON=python3.13 run`.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
FOUND := $(shell for python in $(PYTHON); do "$$python" -c 'import os, sys, zlib; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable, zlib.crc32(repr((sys.version, os.getcwd())).encode()))' 2>/dev/null && break; done)
BASE := $(firstword $(FOUND))
BIN := .venv/bin

# One stamp says which Python made the environment for which folder, the other that the pinned packages are in it.
MADE := .venv/.made-$(lastword $(FOUND))
INSTALLED := .venv/.installed

# What to test: make test TESTS=tests/packaging
TESTS ?=
# Tests wait for processes about a quarter of their time: three at once keep two cores busy.
WORKERS ?= $(shell echo $$(($$(nproc) * 3 / 2)))

help:
	@echo 'make run     watch it work on a bundled example (sets itself up; about a minute the first time)'
	@echo 'make test    linters, types, layers and all tests'
	@echo 'make lint    linters, types and layers only'
	@echo 'make bench   measure; COMPARE=FILE compares with earlier results'
	@echo 'make docs    write docs/configuration.md and config/config.toml from the settings'
	@echo 'make picture take the picture of the status page again (needs Chromium)'
	@echo 'make lock    pin the newest versions of all packages (needs uv)'
	@echo 'make clean   remove the environment and all caches'

run: $(INSTALLED)
	@$(BIN)/mosaic-orchestrator demo

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 6 --dist loadgroup $(TESTS)

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks $(if $(COMPARE),--compare $(COMPARE))

docs: $(INSTALLED)
	$(BIN)/python -c 'from mosaic_daemon.ground import reference; print(end=reference.config_text())' > config/config.toml
	$(BIN)/python -c 'from mosaic_daemon.ground import reference; print(end=reference.reference_text())' > docs/configuration.md

# requirements.lock: everything, for developing. requirements-runtime.lock: what a container needs, at the same versions.
picture: $(INSTALLED)
	$(BIN)/python -m tests.http.picture docs/status.png

lock:
	uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --group dev pyproject.toml -o requirements.lock
	sed -n 's/^\([^ ]*==[^ ]*\).*/\1/p' requirements.lock > .venv/.pins
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --constraint .venv/.pins pyproject.toml -o requirements-runtime.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache build dist
	find daemon rails tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@test -n '$(BASE)' || { echo 'Python 3.11 or newer is needed, and none of these is one: $(PYTHON). Install one, or name it: make PYTHON=/path/to/python3.12 …' >&2; exit 1; }
	@$(BASE) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(BASE) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	@echo 'Making .venv with $(BASE)'
	@$(BASE) -m venv --clear .venv
	@touch $@

$(INSTALLED): $(MADE) requirements.lock pyproject.toml
	@echo 'Installing the pinned packages into .venv'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
