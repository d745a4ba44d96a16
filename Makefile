# Two commands for a machine with Python and make: `make demo` and `make test`.
# `make docs` builds the documentation as a site, in the folder site.
# `make bench DATA=...` takes an hour and rewrites a part of docs/results.md.
# The plain pip and spacy commands behind them are in the README.
PYTHON ?= python3
VENV ?= .venv
TEST_REQUIREMENTS ?= requirements-test.txt

BIN = $(VENV)/bin

DATA ?= data

.PHONY: demo test lint docs bench clean

demo: $(VENV)/.demo
	$(BIN)/python -m spacy project run all .

# spacy-transformers needs an older transformers, and makes each process that loads spaCy slow to
# begin, so that it has an environment of its own, on top of the other one.
BESIDE = $(VENV)/spacy-transformers
TRANSFORMERS = tests/models/transformers tests/*/test_*transformer*.py tests/configs/test_proposal.py

test: $(VENV)/.test $(VENV)/.spacy-transformers
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
	$(BESIDE)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TRANSFORMERS)

lint: $(VENV)/.test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

docs: $(VENV)/.docs
	$(BIN)/python -m reference
	$(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.bench --data $(DATA)

$(VENV)/.demo: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[package]"
	touch $@

$(VENV)/.test: setup.cfg pyproject.toml $(TEST_REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r $(TEST_REQUIREMENTS)
	touch $@

$(VENV)/.spacy-transformers: $(VENV)/.test requirements-spacy-transformers.txt
	$(PYTHON) -m venv $(BESIDE)
	$(BIN)/python -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_path(\"purelib\")!r})')" \
		> "$$($(BESIDE)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/other.pth"
	$(BESIDE)/bin/python -m pip install -r requirements-spacy-transformers.txt
	touch $@

$(VENV)/.docs: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) corpus training reports packages site project.lock
