# Two commands for a machine with Python and make: `make demo` and `make test`.
# The plain pip and spacy commands behind them are in the README.
PYTHON ?= python3
VENV ?= .venv
TEST_REQUIREMENTS ?= requirements-test.txt

BIN = $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	$(BIN)/python -m spacy project run all .

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

$(VENV)/.demo: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[package]"
	touch $@

$(VENV)/.test: setup.cfg pyproject.toml $(TEST_REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r $(TEST_REQUIREMENTS)
	touch $@

clean:
	rm -rf $(VENV) corpus training reports packages project.lock
