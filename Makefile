# Every target makes the environment it needs; what is up to date is not made again.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXAMPLE := examples/fastener_kit

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format measure bench compile clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make the environment in .venv (every other target does it, too)

$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed, $(PYTHON) is another; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version > /dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo 'Installing into $(VENV): about 3 minutes and 7 GB' >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,dev]'
	@touch $@

demo: $(INSTALLED) ## Train, evaluate and explain the example line: the whole pipeline, on this machine
	$(BIN)/python -m pipelines run $(EXAMPLE)/line.yaml --data $(EXAMPLE)/data --output demo

test: $(INSTALLED) ## Run the tests
	$(BIN)/python -m pytest

lint: $(INSTALLED) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy csad

format: $(INSTALLED) ## Put the code into the style that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

measure: $(INSTALLED) ## Measure detection on the example and on real images, as in docs/measurements.md (hours)
	$(BIN)/python -m benchmarks.measure

bench: $(INSTALLED) ## Measure speed and memory
	$(BIN)/python -m benchmarks.speed

compile: $(INSTALLED) ## Compile the pipeline for Kubeflow
	$(BIN)/python -m pipelines compile

clean: ## Remove outputs and caches; .venv stays
	rm -rf build dist demo measurements local_outputs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
