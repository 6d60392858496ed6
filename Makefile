# Everything runs in .venv, made here from Python 3.11 and make alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo browser redis prometheus test test-all lint bench bench-classify bench-surge docs clean schema

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing 270 packages into $(VENV), about two minutes the first time …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: install
	@$(BIN)/python -m demo $(ARGS)

test: install browser redis prometheus
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: install browser redis prometheus
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# The page is tested in a real browser. Debian has it; without the right to install it, the tests say what is missing.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing Debian's chromium for the browser tests …" \
	  && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null \
	  || echo "No browser was found or installed: apt-get install chromium (as root), or the browser tests will fail."

# The compose file's services are started without containers; Redis is the one that is on no package registry of Python.
redis:
	@command -v redis-server >/dev/null && exit 0; \
	test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing Debian's redis-server for the deployment tests …" \
	  && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends redis-server >/dev/null \
	  || echo "No redis-server was found or installed: apt-get install redis-server (as root), or tests/deploy will fail."

# What alert rules say is worked out by a real Prometheus; unpacked beside the venv, so that no service is set up here.
prometheus: install
	@command -v prometheus >/dev/null && exit 0; test -x $(VENV)/prometheus/usr/bin/prometheus && exit 0; \
	command -v apt-get >/dev/null && echo "Unpacking Debian's prometheus for the tests of the alert rules …" \
	  && mkdir -p $(VENV)/prometheus && cd $(VENV)/prometheus \
	  && { apt-get -qq download prometheus 2>/dev/null || { apt-get -qq update && apt-get -qq download prometheus; }; } \
	  && dpkg -x prometheus_*.deb . && rm prometheus_*.deb \
	  || echo "No Prometheus was found or unpacked: install prometheus, or tests/plugins/test_prometheus.py will fail."

lint: install
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: install
	@$(BIN)/python -m benchmarks $(ARGS)

bench-classify: install
	@$(BIN)/python -m benchmarks classify $(ARGS)

bench-surge: install
	@$(BIN)/python -m benchmarks surge $(ARGS)

docs: install
	@$(BIN)/python -m mkdocs build --quiet && echo "The documentation is in site/index.html"

schema: install
	@$(BIN)/python -m tests.store.dump_schema > sql/schema.sql.new && mv sql/schema.sql.new sql/schema.sql

clean:
	rm -rf $(VENV) .demo site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
