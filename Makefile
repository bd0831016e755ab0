# Everything happens in .venv; nothing is installed globally.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help setup run tables test test-ibm check format lock bench bench-compile bench-coverage bench-checks patterns soak fuzz false-proofs docs-figures clean

help:            ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

setup: $(STAMP)  ## make .venv with everything pinned in requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else "enclone needs Python 3.11 or newer, but $(PYTHON) is " + v + "; nothing was installed. Name a newer one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

run: $(STAMP)    ## the quickstart: published Experiment 1 predicted on a laptop
	$(BIN)/enclone run configs/quickstart.yaml

tables: $(STAMP) ## predict all published tables and compare
	$(BIN)/enclone tables configs/published/*.yaml

test: $(STAMP)   ## the whole test suite
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(STAMP)  ## formatter, linter, type checker, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP)   ## the job manager, killed and resumed 1000 times; every fault × call of both clouds
	$(BIN)/python tests/shared/soak.py 1000
	$(BIN)/python tests/backends/providers/fault_matrix.py

fuzz: $(STAMP)   ## configurations, calibrations, runs and stores, changed 14,000 times (hours)
	$(BIN)/python tests/shared/fuzz.py

test-ibm: $(STAMP) ## IBM Quantum by the emulator, and for real if ENCLONE_IBM_SMOKE says so
	$(BIN)/pytest tests/backends/providers/ibm

bench: $(STAMP)  ## how long things take on this machine
	$(BIN)/python tests/bench.py

false-proofs: $(STAMP)  ## search for circuits that are proved without being the protocol (10,000)
	$(BIN)/python tests/backends/compiling/certificate/false_proofs.py 10000

bench-compile: $(STAMP)  ## what the protocol compiler reaches, beside the stock transpiler (an hour)
	$(BIN)/python tests/bench_compile.py --out build/bench-compile

bench-checks: $(STAMP)  ## what unused qubits are worth, by exact values (an hour)
	$(BIN)/python tests/bench_checks.py

bench-coverage: $(STAMP)  ## how often the intervals hold the truth, for every estimator (half an hour)
	$(BIN)/python tests/bench_coverage.py

patterns: $(STAMP)  ## search again for the placements on ideal lattices that are shipped
	$(BIN)/python -m backends.compiling.protocol.pattern_search

docs-figures: $(STAMP) ## draw the pictures of the documentation again
	$(BIN)/python docs/draw_architecture.py

lock: $(STAMP)   ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --extra parquet --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade -o requirements.lock

clean:           ## remove .venv and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
