# make run: set up and start. make test: set up and test everything. make check: lint, types, walls. make bench: measure. make conformance: the
# published cases of another project against us and our peers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The suites of the store's two hardest customers, run once more on PostgreSQL.
ON_POSTGRES := tests/api/dynamodb tests/api/s3/test_objects.py tests/api/s3/test_listings.py tests/api/s3/test_multipart.py \
    tests/api/s3/test_versioning.py tests/api/s3/test_deletes.py
PORT ?= 4566

.PHONY: run test check bench conformance install lock clean

run: $(VENV)/.run
	$(BIN)/haneul start --port $(PORT) $(ARGS)

test: $(VENV)/.test
	@sh tests/packages.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)
	HANEUL_TEST_STORE=postgres $(BIN)/python -m pytest -n 2 --dist loadfile -q $(ON_POSTGRES)

check: $(VENV)/.test
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: $(VENV)/.test
	$(BIN)/python -m bench $(ARGS)

conformance: $(VENV)/.test
	$(BIN)/python -m bench.conformance $(ARGS)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Haneul needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.run: $(VENV)/bin/python requirements/run.txt pyproject.toml
	$(BIN)/python -m pip install -q -r requirements/run.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python requirements/dev.txt pyproject.toml
	$(BIN)/python -m pip install -q -r requirements/dev.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@ $(VENV)/.run

# Pins every dependency anew from pyproject.toml (needs uv: pip install uv).
lock:
	uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
	    pyproject.toml --extra postgres-store --extra databases -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
	    pyproject.toml --extra postgres-store --extra databases --group test --group check -o requirements/dev.txt

clean:
	rm -rf $(VENV) build
