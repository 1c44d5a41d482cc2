# Needs Python 3.11 or newer, make and a network; nothing else.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet install --no-compile
# on all cores, and also where the environment forbids it later
COMPILE := .venv/bin/python -m compileall -q -j 0 .venv/lib agents models terrafusion topics
# where the system can: the demo ends also when make itself is killed
TIED := $(shell command -v setpriv >/dev/null && echo setpriv --pdeathsig TERM --)
HAS_CHROMIUM := { command -v chromium || command -v google-chrome; } >/dev/null

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-the-system test-the-code test-in-a-browser browser screenshots test-long chaos soak away bench bench-analyses accuracy fuzz audit

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1	\2/'

setup: .venv/.installed  ## make .venv with the command `terrafusion`

demo: .venv/.installed  ## the whole system on sample counties, with real requests; KEEP=1 stays up
	@$(TIED) .venv/bin/terrafusion demo $(if $(KEEP),--keep)

test:  ## lint, types, import layers, every test
	$(MAKE) --no-print-directory -j 2 .venv/.installed-dev browser
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/python -m terrafusion.embedded.learning
	$(MAKE) --no-print-directory -j 2 test-the-system test-the-code

test-the-system: .venv/.installed-dev
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/integration tests/acceptance tests/contract

test-the-code: .venv/.installed-dev  # beside the system's tests, which wait for much; what only computes gives way to them
	nice .venv/bin/mypy
	.venv/bin/lint-imports
	$(MAKE) --no-print-directory test-in-a-browser
	nice .venv/bin/pytest -n 2 --dist loadfile tests/unit

test-in-a-browser: .venv/.installed-dev browser  # a process of its own: while Chromium is steered nothing asynchronous can run
	.venv/bin/pytest tests/browser

browser:  # Chromium from the distribution, where we may install it; without one the tests that need it are skipped
	@$(HAS_CHROMIUM) || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		echo "Installing Chromium for the browser tests" >&2; apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; } || true
	@$(HAS_CHROMIUM) || echo "No Chromium is installed: the browser tests are skipped" >&2

screenshots: .venv/.installed-dev browser  ## every page in light, dark, narrow and on a 4K screen, into .terrafusion/screenshots
	PYTHONPATH=.:tests .venv/bin/python -m browser.screenshots .terrafusion/screenshots

chaos: .venv/.installed-dev  ## everything broken at once, checked afterwards; SEED=n JOBS=5000 BLOWS=50
	PYTHONPATH=.:tests .venv/bin/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(BLOWS),--blows $(BLOWS))

soak: .venv/.installed-dev  ## 20 minutes at 200 jobs/s, and what grows meanwhile; MINUTES=n RATE=n
	PYTHONPATH=.:tests .venv/bin/python -m chaos.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE))

away: .venv/.installed-dev  ## the broker away for 10 minutes, and what workers say and take meanwhile; MINUTES=n
	PYTHONPATH=.:tests .venv/bin/python -m chaos.away $(if $(MINUTES),--minutes $(MINUTES))

test-long: .venv/.installed-dev  ## more of the same, some minutes: what `make test` shows in short
	.venv/bin/pytest -m by_hand tests/acceptance tests/contract tests/integration tests/unit/analysis

bench: .venv/.installed-dev  ## the figures of the goals, measured side by side
	.venv/bin/python -m benchmarks

bench-analyses: .venv/.installed-dev  ## speed and memory of the analyses, beside other software where it can be had
	.venv/bin/python -m benchmarks.analyses

accuracy: .venv/.installed-dev  ## how near values come to prices of homes that were left out
	.venv/bin/python -m benchmarks.accuracy

fuzz: .venv/.installed-dev  ## every HTTP path against its own document, of another seed each time; SEED=N repeats, EXAMPLES=N
	@seed=$(or $(SEED),$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')); echo "seed $$seed"; \
	FUZZ_SEED=$$seed FUZZ_EXAMPLES=$(or $(EXAMPLES),200) .venv/bin/pytest -q tests/unit/web/test_fuzz.py

audit: .venv/.installed-dev .venv-audit/.installed  ## known faults of what the lock files pin, as PyPI tells them
	.venv/bin/python deploy/audit.py requirements.txt requirements-dev.txt requirements-image.txt
	for lock in requirements.txt requirements-dev.txt requirements-image.txt; do \
		.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement $$lock || exit 1; done

.venv-audit/.installed:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit==2.10.1
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(COMPILE)
	@touch $@

.venv/.installed-dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes -r requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(COMPILE)
	@touch .venv/.installed $@
