# Every target does its own set-up; the environment is .venv in this clone.
# Needed beforehand: Python 3.11, 3.12 or 3.13. uv is used where it is installed, else venv and pip.

SPEC  ?= data_contracts/samples/nyc_departures/spec.yaml
AS_OF ?= 2013-10-16T00:00-04:00

UV    := $(shell command -v uv 2>/dev/null)
BIN   := .venv/bin
READY := .venv/.ready
FITS  := import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13)

# The first Python that fits; looked for once, and only when something has to be installed.
PYTHON ?= $(eval PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11; do \
  $$name -c '$(FITS)' 2>/dev/null && echo $$name && break; done))$(PYTHON)

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types contracts pytest test-e2e fmt bench peers spark lock clean

help: ## print the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## install everything into .venv (the other targets do it themselves)

run: $(READY) ## forecast the sample data: the whole night, with a report at the end
	@$(BIN)/nightcast run $(SPEC) --as-of $(AS_OF)

test: lint types contracts pytest ## all checks: ruff, mypy, import contracts, doctests and tests

lint: $(READY)
	@echo "== ruff"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet

types: $(READY)
	@echo "== mypy"
	@$(BIN)/mypy

contracts: $(READY)
	@echo "== import contracts"
	@$(BIN)/lint-imports --no-logo

# A process per core, at most four: each holds TensorFlow and takes up to two gigabytes. A file stays
# in one of them, for the sake of what its tests share.
pytest: $(READY)
	@echo "== doctests and tests"
	@OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
	  $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile \
	  --cov --cov-report=term --durations=5

# In one process: every file starts a server and its workers, which is work enough for two cores.
test-e2e: $(READY) ## the tests on real parts: server, workers and browser, each a process
	@echo "== end-to-end tests"
	@OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
	  $(BIN)/python -m pytest tests/e2e --timeout=1800 --durations=5

fmt: $(READY) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format
	@$(BIN)/ruff check

# A benchmark is a module of benchmarks/ that can be run; one that falls short does not stop the next.
bench: $(READY) ## run every benchmark; fails at the end if a figure falls short of its target
	@short=""; \
	for file in $$(grep -l '__main__' benchmarks/*.py) benchmarks/*/__main__.py; do \
	  name=$$(echo $$file | sed 's|^benchmarks/||; s|/__main__||; s|\.py$$||'); \
	  echo "== benchmarks.$$name"; \
	  $(BIN)/python -m benchmarks.$$name || short="$$short $$name"; \
	done; \
	if [ -n "$$short" ]; then echo "Fell short:$$short"; exit 1; fi

# torch alone first: pip then takes a build for CPUs where it is given one.
peers: $(READY) ## install the forecasters that ours are compared with into .venv-peers
	@echo "Installing 1.7 GB into .venv-peers; the first time takes some minutes."
	@.venv-peers/bin/python -c '$(FITS)' 2>/dev/null || $(BIN)/python -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
	  $$(grep '^torch==' benchmarks/peers/requirements.txt)
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement benchmarks/peers/requirements.txt

# Needs Java 17 or later. The test of docs/readers.md that reads with Spark runs where this was made.
spark: $(READY) ## install Spark for one test into .venv-spark
	@echo "Installing 0.5 GB into .venv-spark; the first time takes some minutes."
	@.venv-spark/bin/python -c '$(FITS)' 2>/dev/null || $(BIN)/python -m venv --clear .venv-spark
	@.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement tests/spark-requirements.txt

# --no-emit-*: a lock names packages, versions and hashes, never where they come from. Those of the
# images hold what a worker needs, in the versions of the first; gpu.lock only what it has besides.
COMPILE := pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
  --no-annotate --python-version 3.11 pyproject.toml
IMAGE := $(COMPILE) --python-platform x86_64-manylinux_2_28 --constraint requirements.lock

lock: ## resolve pyproject.toml into requirements.lock and those of the images (needs uv)
	@uv $(COMPILE) --extra dev --universal -o requirements.lock
	@echo hatchling | uv $(IMAGE) - --extra kubernetes -o deployments/images/cpu.lock
	@echo hatchling | uv $(IMAGE) - --extra kubernetes --extra gpu 2>/dev/null \
	  | grep -vxFf deployments/images/cpu.lock > deployments/images/gpu.lock

clean: ## remove the environment and what the tools cached; the warehouse, peers and Spark stay
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# The stamp is the last thing written, so an interrupted installation is taken up again.
$(READY): pyproject.toml requirements.lock
	@rm -f $@
ifneq ($(UV),)
	@echo "Installing 3.2 GB into .venv with uv; the first time takes some minutes."
	@$(BIN)/python -c '$(FITS)' 2>/dev/null \
	  || $(UV) venv --quiet --clear --python $(or $(PYTHON),3.13) .venv
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
else
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { echo "Nightcast needs Python 3.11, 3.12 or 3.13;" \
	  "none was found, so install one or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Installing 3.2 GB into .venv with pip; the first time takes some minutes."
	@$(BIN)/python -c '$(FITS)' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
endif
	@touch $@
