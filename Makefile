# Short forms of what developers run. The tests need no make: python3 -m tests.
#
#     make test PYTHON=python2.7     on another Python, by name or by path

PYTHON ?= python3
ARGS ?=

# Where pyenv keeps several Pythons, `python2.7` may be a name that only answers in the version chosen at the moment;
# pyenv itself knows where the real one is.
INTERPRETER := $(shell if $(PYTHON) -c '' 2>/dev/null; then echo $(PYTHON); \
    else pyenv whence --path $(PYTHON) 2>/dev/null | tail -n 1; fi)
ifeq ($(INTERPRETER),)
ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
$(error PYTHON=$(PYTHON) does not run; name one that does, such as: make $(MAKECMDGOALS) PYTHON=/usr/bin/python3)
endif
endif
# The Python of the environment, made when it is first needed.
RUN = $$($(INTERPRETER) -m tests --environment | tail -n 1)

.PHONY: help test attacks check lint fix types environment farm peers ci clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo '  PYTHON=python2.7     which Python (now: $(PYTHON))'
	@echo '  ARGS="-x -k codec"   more arguments for pytest'

test:  ## run the tests
	$(INTERPRETER) -m tests $(ARGS)

attacks:  ## attack real processes: kills, bad networks, suspensions, floods, fuzz, a soak
	PYTHON=$(RUN) tests/attacks/run $(ARGS)

check: lint types  ## everything that is checked without running it

lint:  ## style and likely mistakes (ruff), order of imports (isort); Python 3.10 or later
	$(RUN) -m ruff check .
	$(RUN) -m isort --check-only --quiet .

fix:  ## correct what these two can correct by themselves
	$(RUN) -m ruff check --fix .
	$(RUN) -m isort .

types:  ## the type comments (mypy); Python 3.10 or later
	$(RUN) -m mypy

environment:  ## make the environment and run nothing
	$(INTERPRETER) -m tests --environment

farm:  ## farm.pyz: the programs and the library in one file
	$(INTERPRETER) -m runtime.archive

peers:  ## .venv/benchmarks and the brokers that ours is compared with (Debian packages: needs root)
	bash benchmarks/install $(INTERPRETER)

ci:  ## everything that continuous integration runs
	bash .ci/run

clean:  ## remove the environments and everything generated
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache farm.pyz
	find . -name '*.py[co]' -not -path './.git/*' -delete
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
