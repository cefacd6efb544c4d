# `make` lists the targets. What may be overridden: PYTHON, VENV, POSEAUG_SHARED, and for the demo DEMO_ROWS,
# DEMO_PRESET, DEMO_OPTIONS, DEMO_SOURCE, DEMO_RIG and DEMO_DIR (scripts/demo.sh says what each is).

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
INSTALLED := $(VENV)/.installed

# The first Python that runs, is new enough and can make an environment. Asked only where one is to be made.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Real poses and the golden numbers, where this machine has them; the tests that need them are skipped elsewhere.
POSEAUG_SHARED ?= ../shared
export POSEAUG_SHARED
GOLDEN := $(wildcard $(POSEAUG_SHARED)/golden/poseaug_reference.npz)
ifneq ($(GOLDEN),)
export POSEAUG_GOLDEN ?= $(abspath $(GOLDEN))
endif

# Two workers with one thread each: left alone, torch takes every core in every worker, and they stand in each other's way.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help venv test test-all lint docs docs-serve demo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

venv: $(INSTALLED) ## make the environment in VENV (.venv), once, and again when its requirements change

# constraints.txt asks for a plain `torch`: pip takes a CPU wheel where it is offered one (find-links, or PIP_EXTRA_INDEX_URL
# set to PyTorch's index of CPU wheels), and on a Linux machine without either, the CUDA build with its gigabytes.
$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv was found: name one with make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Installing into $(VENV) (minutes, the first time) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	@touch $@

test: venv ## run the tests, without the slow ones
	$(PYTEST)

test-all: venv ## run every test, the slow ones too
	$(PYTEST) -m ''

lint: venv ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Material says at each start that it has a successor; it is kept until May 2027, and we have heard it.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

docs: venv ## build the documents into site/; a warning is an error, nothing is fetched
	$(MKDOCS) build --strict --quiet
	@echo "The documents: $(abspath site)/index.html"

docs-serve: venv ## show the documents at http://127.0.0.1:8000 while you write them
	$(MKDOCS) serve

demo: venv ## train, export DEMO_ROWS (200000) pairs, verify them, and say where they are
	PATH="$(BIN):$$PATH" scripts/demo.sh

clean: ## remove .venv, caches and builds; never data/ or outputs/
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
