# Two commands do everything: `make sweep` and `make test`. They make the virtual environment they need.
PYTHON ?= python3
VENV := .venv
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sweep test test-slow check format clean

sweep: $(READY)  ## the intrinsic dimension of CartPole by CMA-ES; add e.g. ARGS="env=InvertedPendulum agent=ppo"
	$(BIN)/python -m rl_intdim.sweep $(ARGS)

test: check  ## lint, types, and the test suite
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch first and alone: a plain resolve may take the newest build with gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -m rl_intdim.train d=0 > /dev/null   # compiles the episodes, once
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
