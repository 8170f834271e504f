# Each target makes the environment it needs; a second call reuses it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PATH := $(CURDIR)/$(BIN):$(PATH)
export PATH
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

# For a downloaded archive without git history: DVC and DVCLive need a repository with a commit.
COMMITTED = { git init -q && git add -A && \
	git -c user.name=avs-pipeline -c user.email=avs-pipeline@localhost commit -qm 'As downloaded'; }

.PHONY: help repro test lint install bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

repro: $(VENV)/.run  ## the whole pipeline, from clips to reports/index.html
	[ -e .git ] || $(COMMITTED)
	dvc repro
	@echo "open reports/index.html"

test: $(VENV)/.dev $(VENV)/.studio  ## all tests, on every core
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev  ## style and types
	ruff check .
	ruff format --check .
	mypy

install: $(VENV)/.run  ## the environment in .venv, and nothing else

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

# The Label Studio server needs an environment of its own. Without it, the tests that need it skip and say so.
$(VENV)/.studio: | $(VENV)/.dev
	-$(PYTHON) -m venv .label-studio/venv && \
	.label-studio/venv/bin/python -m pip install -q --disable-pip-version-check 'label-studio==1.23.*'
	@touch $@

# Next to the published code: make bench BENCH='--published ../AVSBench'. Single parts: BENCH='--only step'.
bench: $(VENV)/.dev  ## speed and memory, as Markdown tables
	$(BIN)/python -m benchmarks $(BENCH)
