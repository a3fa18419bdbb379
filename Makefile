# Two commands for a newcomer: `make sandbox` and `make test`. Both make their own environment in .venv.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python3.14 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
RUN := .venv/.runtime
DEV := .venv/.development
TESTS ?= tests
WORKERS ?= 2

.PHONY: help sandbox sandbox-fresh test check format docs lock bench wheel clean

help:
	@echo "make sandbox        a Slack workspace with the real bot in it, on this machine (make sandbox-fresh forgets it first)"
	@echo "make test           all tests (TESTS=tests/stories for some)"
	@echo "make check          format, lint, types, generated docs"
	@echo "make bench          what it costs, beside its floor"
	@echo "make docs           the generated parts of docs/"
	@echo "make lock           the lock files anew, from pyproject.toml"

sandbox: $(RUN)
	@$(BIN)/ilab sandbox --keep

sandbox-fresh: $(RUN)
	@$(BIN)/ilab sandbox --keep --fresh

test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -p no:xdist tests/test_whole.py tests/test_manifest.py
	$(BIN)/ilab docs commands | diff -u docs/commands.md - || (echo 'docs/commands.md is old: make docs' && false)
	$(BIN)/ilab docs settings | diff -u docs/settings.md - || (echo 'docs/settings.md is old: make docs' && false)

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV)
	$(BIN)/ilab docs commands > docs/commands.md
	$(BIN)/ilab docs settings > docs/settings.md

bench: $(DEV)
	$(BIN)/python -m benchmarks

lock: $(DEV)
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url\
		--extra sandbox --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url\
		--extra sandbox --group build --group dev pyproject.toml -o requirements-dev.lock

wheel: $(DEV)
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache dist

# The environment: the locked packages, and this project as it lies here.
.venv/.made:
	@test -n "$(PYTHON)" || (echo "ilab needs Python 3.11 or newer; none was found on PATH." && false)
	@echo "Making .venv with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv .venv || (echo "Python's venv is missing: on Debian, apt-get install python3-venv" && false)
	@touch $@

$(RUN): requirements.lock pyproject.toml | .venv/.made
	@echo "Installing what it needs …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
