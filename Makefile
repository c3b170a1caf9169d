# Everything a user or a developer runs. `make` alone lists the targets.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# `dev` contains all others but for CUDA: it comes first and gives them their versions, so that images share layers.
LOCKED := dev base prepare train tune evaluate promote deploy track serve predict train-gpu tune-gpu
# What PyTorch names and a processor does not need; benchmarks/peers/requirements.in says more.
NOT_FOR_PEERS := triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cuda-cccl nvidia-cusolver nvidia-nvtx

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(INSTALLED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else \
	  f"Python must be 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}; name another one: make PYTHON=python3.12 ...")'
	@echo "installing the locked requirements into $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: setup
setup: $(INSTALLED) ## Make .venv from the locked requirements

.PHONY: local-run
local-run: $(INSTALLED) ## Run the whole pipeline here; options in ARGS="--max-trials 4 …"
	@$(BIN)/python pipeline.py local-run $(ARGS)

.PHONY: check
check: $(INSTALLED) ## Try the experiment out in a minute, before a search is spent on it
	@$(BIN)/python pipeline.py check $(ARGS)

.PHONY: compile
compile: $(INSTALLED) ## Write build/pipeline.yaml for Kubeflow; options in ARGS
	@$(BIN)/python pipeline.py compile $(ARGS)

.PHONY: components
components: $(INSTALLED) ## Write build/components/NAME.yaml, each step for other people's pipelines
	@$(BIN)/python pipeline.py components $(ARGS)

.PHONY: submit
submit: $(INSTALLED) ## Start a run on Kubeflow: ARGS="--host URL …"
	@$(BIN)/python pipeline.py submit $(ARGS)

# By file, so that what the tests of a file share is made once; a test that hangs or crashes is not tried again.
SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: test
test: $(INSTALLED) ## Run the fast tests; options in ARGS
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

.PHONY: test-all
test-all: $(INSTALLED) ## Run all tests, some of which take minutes, a browser or a container engine
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: typecheck
typecheck: $(INSTALLED) ## Check types
	$(BIN)/mypy

.PHONY: format
format: $(INSTALLED) ## Mend style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: benchmark
benchmark: $(INSTALLED) ## Measure speed, growth and memory into benchmarks/results.md; QUICK=1 for three minutes
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

.PHONY: lock
lock: $(INSTALLED) ## Resolve the dependencies anew into requirements/*.txt
	@for group in $(LOCKED); do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url --upgrade \
	    --custom-compile-command "make lock" --python-version 3.11 --group $$group \
	    $$([ $$group = dev ] || echo --constraint requirements/dev.txt) \
	    -o requirements/$$group.txt pyproject.toml || exit 1; \
	done
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url --upgrade \
	  --custom-compile-command "make lock" --python-version 3.11 --constraint requirements/dev.txt \
	  $(addprefix --no-emit-package ,$(NOT_FOR_PEERS)) -o benchmarks/peers/requirements.txt benchmarks/peers/requirements.in

.PHONY: upgrade
upgrade: $(INSTALLED) ## Bring the pins in pyproject.toml and requirements/*.txt up to date
	@$(BIN)/python requirements/upgrade.py
	@$(MAKE) --no-print-directory lock

.PHONY: docs
docs: $(INSTALLED) ## Write the tables in the documents anew from the code
	@$(BIN)/python -m tests.documents

.PHONY: screenshot
screenshot: $(INSTALLED) ## Take the README's picture of the report of RUN=… anew; needs chromium
	@$(BIN)/python -m tests.screenshot $(RUN)

.PHONY: clean
clean: ## Remove what was built; runs/ stays
	rm -rf build .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

-include docker/images.mk
