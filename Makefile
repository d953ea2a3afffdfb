# Needs Python 3.11 or newer, pip and make. `make` alone lists what can be made.
PYTHON   ?= python3
VENV     ?= .venv
PORT     ?= $(or $(MODELPORT_PORT),8080)
DATA_DIR ?= $(or $(MODELPORT_DATA_DIR),data)
BIN      := $(VENV)/bin
SYNC     := @$(PYTHON) tools/environment.py --venv "$(VENV)"

.DEFAULT_GOAL := help
.PHONY: help run dev test test-long check format bench bench-reports bench-postgres soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "Variables: PORT=8080 DATA_DIR=data PYTHON=python3 VENV=.venv ARGS='more arguments for pytest or bench'"

run: ## install, fetch the default local model, start the server and print a key and a first call; WITH=all for every local model
	$(SYNC) $(if $(filter all,$(WITH)),all,run)
	@exec "$(BIN)/modelport" serve --first-run --port "$(PORT)" --data-dir "$(DATA_DIR)"

dev: ## serve beside a fake provider, and start again whenever the source changes
	$(SYNC) dev
	@exec "$(BIN)/python" -m tools.dev --port "$(PORT)"

test: ## run the tests; ends by naming what was left out and how to get it
	$(SYNC) dev
	@"$(BIN)/python" -m pytest -m "not long" $(ARGS)

test-long: ## run only the tests that take minutes
	$(SYNC) dev
	@"$(BIN)/python" -m pytest -m long $(ARGS)

check: ## format, lint, types, import rules, sizes
	$(SYNC) dev
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/ruff" check .
	@"$(BIN)/basedpyright" --pythonpath "$(BIN)/python"
	@"$(BIN)/lint-imports"
	@"$(BIN)/python" -m pytest -q tests/house

format: ## put the source in form
	$(SYNC) dev
	@"$(BIN)/ruff" check --fix-only --quiet .
	@"$(BIN)/ruff" format .

bench: ## measure against nginx in the same run (needs nginx and a C compiler)
	$(SYNC) dev
	@"$(BIN)/python" -m bench $(ARGS)

bench-reports: ## time the report routes over ten million rows on SQLite
	$(SYNC) dev
	@"$(BIN)/python" -m bench.reports $(ARGS)

bench-postgres: ## CPU per call on PostgreSQL beside SQLite (needs PostgreSQL and a C compiler)
	$(SYNC) dev
	@"$(BIN)/python" -m bench postgres $(ARGS)

soak: ## ten minutes of load; memory must stay flat
	$(SYNC) dev
	@"$(BIN)/python" -m bench soak $(ARGS)

lock: ## resolve requirements/*.txt and those of tests/clients again; UPGRADE=1 takes the newest versions
	@$(PYTHON) tools/lock.py $(if $(UPGRADE),--upgrade)
	@$(PYTHON) tools/clients.py lock $(if $(UPGRADE),--upgrade)

clean: ## remove the environment and what the tools keep; the data folder stays
	rm -rf "$(VENV)" .bootstrap .clients build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
