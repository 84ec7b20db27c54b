# Every target runs in .venv, which is made and brought up to date as needed.
#   make demo   the whole product with a believable company      ARGS="--exit --seed 7"
#   make up     the whole product, empty                         ARGS=...
#   make test   all tests                                        ARGS="tests/identity -k merge"
#   make faults a schedule of faults under load, then counted   ARGS="--count 100 --seed 7"
#   make check  format, lint, types, import contracts, fast tests
#   make bench  every figure of speed                            ARGS="--quick --report FILE"
#   make lock   requirements.lock and Kafka's jars anew          ARGS="--upgrade"
#   make clean  remove .venv and caches; the data in .voc stays

# 3.11 first: it is what the code is written for and tested on.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/installed
ARGS ?=

.PHONY: install demo up test faults check bench lock clean

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/voc demo $(ARGS)

up: $(STAMP)
	$(BIN)/voc up $(ARGS)

test: $(STAMP)
	$(BIN)/pytest $(ARGS)

faults: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -m faults $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not slow" $(ARGS)

bench: $(STAMP)
	$(BIN)/python bench/run.py $(ARGS)

$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "voc needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv 2>/dev/null || $(WITHOUT_ENSUREPIP)
	@echo "Installing the locked packages into .venv (about 900 MB, once) ..."
	@# --no-compile: most of it is never imported; it halves the time.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Debian and Ubuntu leave ensurepip out of python3; a pip that is there can fill the new venv.
define WITHOUT_ENSUREPIP
{ rm -rf .venv && $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip 2>/dev/null; } \
	|| { rm -rf .venv; echo "$(PYTHON) can make no virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
endef

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS) -o requirements.lock pyproject.toml
	@! grep -nE '://|^--' requirements.lock
	$(BIN)/python -m voc_local.kafka_jars

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
