# Commands for people and for CI. Everything is installed into $(VENV) from lock files with hashes.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
CATALOGUES = $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po))
PACKAGES = repoman repositories blobstores accounts
LOCK = env -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null $(BIN)/uv pip compile --quiet --no-config --universal --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --python-version 3.11 $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help serve install test bench bench-quick check format lock messages docs clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.runtime ## Run the server (settings: docs/configuration.md); Ctrl-C stops it
	@exec $(BIN)/repoman serve

install: $(VENV)/.runtime $(CATALOGUES) ## Install what the server needs

test: $(VENV)/.test ## Run all tests; ends with what was skipped and why
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.test ## Measure against nginx and other servers, about 20 minutes; writes docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks --markdown docs/benchmarks.md $(ARGS)

bench-quick: $(VENV)/.test ## The most important of these measurements, under 3 minutes; writes no page
	@$(BIN)/python -m tests.benchmarks --quick $(ARGS)

check: $(VENV)/.check ## Format, lint, types, import rules, templates, migrations, messages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	@mkdir -p .cache/check
	REPOMAN_DATA_DIR=.cache/check $(BIN)/python manage.py makemigrations --check --dry-run
	REPOMAN_DATA_DIR=.cache/check $(BIN)/python manage.py check --fail-level WARNING
	REPOMAN_DATA_DIR=.cache/check $(BIN)/python manage.py messages --check
	$(BIN)/python -m pytest -q tests/architecture

format: $(VENV)/.check ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.test ## Make the lock files anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(LOCK) pyproject.toml --group build -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra postgres -c requirements/runtime.txt -o requirements/postgres.txt
	$(LOCK) pyproject.toml --extra postgres --group build --group test -c requirements/runtime.txt -o requirements/test.txt
	$(LOCK) --group check -c requirements/test.txt -o requirements/check.txt
	for tool in flit poetry 'pdm[locked]' hatch; do \
		echo "$$tool" | $(LOCK) - -o "tests/clients/locks/$${tool%%[*}.txt" || exit 1; \
	done
	for list in tests/benchmarks/locks/*.in; do $(LOCK) "$$list" -o "$${list%.in}.txt" || exit 1; done
	@! grep -n '://' requirements/*.txt tests/clients/locks/*.txt tests/benchmarks/locks/*.txt

messages: $(VENV)/.test ## Collect translatable texts into locale/ and compile them
	@mkdir -p .cache/check
	REPOMAN_DATA_DIR=.cache/check $(BIN)/python manage.py messages

docs: $(VENV)/.test ## Write docs/configuration.md from the code
	$(BIN)/python -m repoman.configuration_page > docs/configuration.md

clean: ## Remove what was built and cached; data/ and the environment stay
	rm -rf .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info staticfiles
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete

# Stamps: a second run installs nothing.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@

# The server compiles them at start where it may write; as a service it may not.
%.mo: %.po | $(VENV)/.runtime
	@$(BIN)/python -m repoman.catalogues $<

$(VENV)/.test: requirements/test.txt $(VENV)/.runtime
	$(PIP) -r requirements/test.txt
	@touch $@

$(VENV)/.check: requirements/check.txt $(VENV)/.test
	$(PIP) -r requirements/check.txt
	@touch $@
