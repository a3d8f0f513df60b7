# One word each. A fresh machine needs Python 3.11 or newer and make; everything else these targets install themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help run setup setup-dev test lint check bench bench-camera soak deb lab lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

setup: $(VENV)/.ready ## .venv with the posagent command in it
$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "posagent needs Python 3.11 or newer; call make with PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "setting up $(VENV) (hash-pinned)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --config-settings editable_mode=compat -e . 2>/dev/null
	@touch $@

setup-dev: $(VENV)/.ready-dev ## .venv with the tests' and linters' tools as well
$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt tools/debian-packages
	@sh tools/debian-packages
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

run: setup ## the whole counter on virtual devices; prints the page's address
	@$(BIN)/posagent demo

test: setup-dev ## every test that fits in minutes
	@$(BIN)/python -m pytest -q

lint: setup-dev ## ruff, mypy --strict, the layer test
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_layers.py

check: lint test ## what CI runs

bench: setup-dev ## one JSON object per line
	@$(BIN)/python -m tools.bench

bench-camera: setup-dev ## PHOTOS=DIR with index.csv: reads, false reads and CPU time beside other engines
	@$(BIN)/python -m tools.bench_camera $(PHOTOS)

soak: setup-dev ## the long fault schedules (hours)
	@$(BIN)/python -m pytest -q -m slow

deb: setup ## dist/posagent_VERSION_ARCH.deb and the camera's package; installs without a network
	@$(BIN)/python -m tools.package

lab: setup-dev ## a whole register PC in a virtual machine, played and reckoned; LAB=--long for the long form; report in dist/lab
	@sh tools/debian-packages lab
	@$(BIN)/python -m tools.lab $(LAB)

lock: ## pins requirements*.in into requirements*.txt, with hashes
	@$(BIN)/python -m pip -q install uv
	@for f in requirements requirements-dev; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o $$f.txt $$f.in; done

clean: ## removes what the targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
