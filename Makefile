# From a fresh checkout and a Python to running tests. Needs GNU make, nothing else.
#
#     make test                      on python3
#     make test PYTHON=python2.7     on another one, by name or by path
#
# Every Python version has its own environment, .venv/<version>, made once. It is filled again when requirements-dev.txt
# changes and not before, so that later runs need no network.

PYTHON ?= python3
ARGS ?=

# Where pyenv keeps several Pythons, `python2.7` may be a name that only answers in the version chosen at the moment;
# pyenv itself knows where the real one is.
ASK_VERSION := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
INTERPRETER := $(shell if $(PYTHON) -c '' 2>/dev/null; then echo $(PYTHON); \
    else pyenv whence --path $(PYTHON) 2>/dev/null | tail -n 1; fi)
VERSION := $(if $(INTERPRETER),$(shell $(INTERPRETER) $(ASK_VERSION)))

ENVIRONMENT := .venv/$(VERSION)
INSTALLED := $(ENVIRONMENT)/.installed
RUN := $(ENVIRONMENT)/bin/python
# An environment whose Python has been removed or replaced since is made again.
BROKEN := $(if $(VERSION),$(shell $(RUN) -c '' 2>/dev/null || echo broken))
PIP_INSTALL := -m pip --disable-pip-version-check install

# The pip that 3.6 comes with gives up at the first release that is too new for it; later ones look for an older release.
OLD_PIP := pip>=20.3.4,<21.4; python_version < "3.7"

# 2.7 has no venv module. Its own pip fetches virtualenv into a folder of ours, so the Python itself stays as it is. 16.7 is
# the last that is one package without dependencies.
VIRTUALENV := .venv/virtualenv-$(VERSION)
export PIP_NO_PYTHON_VERSION_WARNING := 1

ifneq ($(filter-out help clean,$(MAKECMDGOALS)),)
ifeq ($(VERSION),)
$(error PYTHON=$(PYTHON) does not run; name one that does, such as: make $(MAKECMDGOALS) PYTHON=/usr/bin/python3)
endif
endif

.PHONY: help test attacks check lint fix types environment peers ci clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo '  PYTHON=python2.7     which Python (now: $(PYTHON))'
	@echo '  ARGS="-x -k codec"   more arguments for pytest'

test: $(INSTALLED)  ## run the tests
	$(RUN) -m pytest $(ARGS)

attacks: $(INSTALLED)  ## attack real processes: kills, bad networks, suspensions, floods, fuzz, a soak
	PYTHON=$(CURDIR)/$(RUN) tests/attacks/run $(ARGS)

check: lint types  ## everything that is checked without running it

lint: modern $(INSTALLED)  ## style and likely mistakes (ruff), order of imports (isort)
	$(RUN) -m ruff check .
	$(RUN) -m isort --check-only --quiet .

fix: modern $(INSTALLED)  ## put right what these two can put right by themselves
	$(RUN) -m ruff check --fix .
	$(RUN) -m isort .

types: modern $(INSTALLED)  ## the type comments (mypy)
	$(RUN) -m mypy

environment: $(INSTALLED)  ## make the environment and run nothing

peers:  ## .venv/benchmarks and the brokers that ours is compared with (packages of Debian: needs root)
	bash benchmarks/install $(INTERPRETER)

ci:  ## everything that continuous integration runs
	bash .ci/run

clean:  ## remove the environments and everything generated
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name '*.py[co]' -not -path './.git/*' -delete
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: modern
modern:
	@$(INTERPRETER) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	    || { echo 'make check needs Python 3.10 or later, and $(PYTHON) is $(VERSION): the tools run on nothing older.' >&2; exit 2; }

$(INSTALLED): requirements-dev.txt $(BROKEN)
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(MAKE) --no-print-directory anew PYTHON=$(INTERPRETER)
	@echo '== installing requirements-dev.txt into $(ENVIRONMENT)'
	@$(RUN) $(PIP_INSTALL) --quiet --upgrade '$(OLD_PIP)'
	$(RUN) $(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

# A half-made environment would look like a whole one the next time, so it is removed.
.PHONY: anew broken
anew:
	@echo '== making $(ENVIRONMENT) with $(INTERPRETER)'
	@rm -rf $(ENVIRONMENT)
ifeq ($(VERSION),2.7)
	@$(INTERPRETER) $(PIP_INSTALL) --quiet --upgrade --target $(VIRTUALENV) 'virtualenv>=16.7.12,<17' || { \
	    echo 'Python 2.7 makes its environment with the package virtualenv, and $(INTERPRETER) could not install it:' \
	         'is its pip there (Debian: python-pip), and is the network?' >&2; exit 1; }
	@PYTHONPATH=$(VIRTUALENV) $(INTERPRETER) -m virtualenv --no-download $(ENVIRONMENT) || { rm -rf $(ENVIRONMENT); exit 1; }
else
	@$(INTERPRETER) -m venv $(ENVIRONMENT) || { rm -rf $(ENVIRONMENT); \
	    echo '$(INTERPRETER) could not make an environment: is its venv there' \
	         '(Debian and Ubuntu: apt-get install python3-venv)?' >&2; exit 1; }
endif
