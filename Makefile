# The main targets are `make sweep` and `make test`. Both create the virtual environment that they need.
PYTHON ?= python3
VENV := .venv
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sweep test test-slow check docs figures tutorial dist format clean

sweep: $(READY)  ## the intrinsic dimension of CartPole by CMA-ES; add e.g. ARGS="env=InvertedPendulum agent=ppo"
	$(BIN)/python -m rl_intdim.sweep $(ARGS)

test: check  ## lint, types, docs, and the test suite
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/fill_docs.py --check
	$(MAKE) docs

docs: $(READY)  ## the site, in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html

figures: $(READY)  ## fill the figures of README and docs from the records, the catalogue and the schema
	$(BIN)/python scripts/fill_docs.py

tutorial: $(READY)  ## execute the notebook, and keep its outputs
	$(BIN)/python scripts/run_tutorial.py

dist: $(READY)  ## wheel and sdist, looked into, and a sweep from an empty folder; PYTHONS="python3.12 ..." tries others
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python scripts/check_dist.py $(if $(PYTHONS),--python $(PYTHONS))

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch is installed first and alone: a plain resolve may choose the newest build, with gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) once, with pinned versions: some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -m rl_intdim.train d=0 > /dev/null   # compiles the episodes once
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache
