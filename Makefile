# Filrouge. `make demo` shows the product, `make test` runs every test; `make help` lists the rest.
PYTHON ?= .venv/bin/python
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

migrations:  ## write each floor's one migration afresh (nothing is released yet)
	rm -f identity/migrations/0*.py activation/migrations/0*.py journeys/migrations/0*.py dmp_site/migrations/0*.py
	$(PYTHON) manage.py makemigrations --no-header identity activation journeys dmp_site

openapi:  ## write docs/openapi.yaml afresh from the code
	$(PYTHON) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

format:  ## format the Python code
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix-only -q .

lint:  ## ruff and mypy
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy .

.PHONY: help migrations openapi format lint
