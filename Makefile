# Everything installs itself: a fresh checkout needs git, make and Python 3.11.

PYTHON   ?= $(shell command -v python3.11 || command -v python3)
BIN      := .venv/bin
SOURCES  := host plugins render agent devkit examples tests bench
MANIFESTS := constraints.txt pyproject.toml $(wildcard */pyproject.toml plugins/*/pyproject.toml examples/*/pyproject.toml)

# The suite starts hundreds of processes, each of which would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check format bench fuzz chaos constraints clean

help:            ## what there is
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: .venv/ready ## the demo: a homeserver, a Bot API, an agent and three surfaces, all here
	$(BIN)/surfacehost demo

test: .venv/ready ## the whole suite, against a real Synapse and a real browser
	PYTHON=$(BIN)/python tools/servers
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

check: .venv/ready ## formatting, lint, types, import rules
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

format: .venv/ready ## bring every file into shape
	$(BIN)/ruff check --fix --quiet $(SOURCES) || true
	$(BIN)/ruff format $(SOURCES)

bench: .venv/ready ## figures, as ratios against the bare libraries
	for one in bench/*.py; do $(BIN)/python $$one || exit 1; done

fuzz: .venv/ready ## the property tests, with many more examples
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/render tests/host/test_threads.py --timeout=3600

chaos: .venv/ready ## the long storm: 500 kills at any moment, 50 at each step on each surface; an hour or two
	PYTHON=$(BIN)/python tools/servers
	$(BIN)/python -m surfacehost_devkit.chaos --report artefacts/chaos.json

constraints: .venv/ready ## pin what is installed now
	PYTHON=$(BIN)/python tools/pin

clean:           ## remove what was installed and made here
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis artefacts

.venv/ready: $(MANIFESTS)
	PYTHON=$(PYTHON) tools/bootstrap
	@touch $@
