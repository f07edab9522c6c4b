# MicroTetherDB: firmware images with the database frozen in. `make help` lists the targets.

PYTHON := python3
BOARD ?= UNIX
ARGS ?=
PORT ?=
# One more than there are cores: some tests wait.
PYTEST_ARGS ?= -n $(shell expr $$(nproc) + 1) --dist worksteal
# Modules are looked for where the image does by itself, then among those that examples use.
MODULES := $(or $(MICROPYPATH),.frozen:~/.micropython/lib:/usr/lib/micropython):$(CURDIR)/build/src/microdot
VENV := build/venv/bin
# Nothing is written outside build/ and dist/.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis

.PHONY: help run lint format test test-nightly bench release boards firmware try flash update clean distclean tools data microdot mip stubs

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24
	@echo "  variables: BOARD=$(BOARD), ARGS= (script for run), PORT= (device for flash, update), MPY_DIR=, PICO_SDK_PATH= (own checkouts)"

ifneq ($(filter QEMU%,$(BOARD)),)
run: tools firmware
	@$(VENV)/python ci/try.py $(BOARD) $(ARGS)
else
run: $(if $(findstring weather,$(ARGS)),data) $(if $(findstring gateway,$(ARGS)),microdot) ## build the UNIX image and open its REPL; ARGS=path.py runs a script in it, also with BOARD=QEMU_...
	@$(PYTHON) ci/build.py UNIX
	@mkdir -p build/run && cd build/run && MICROPYPATH=$(MODULES) $(CURDIR)/dist/UNIX/micropython $(foreach a,$(ARGS),$(or $(wildcard $(abspath $a)),$a))
endif

lint: tools ## check code, format, spelling and workflows: a few seconds, and part of make test
	@$(VENV)/python ci/lint.py

format: tools ## write the format of Python and C files, and what else make lint can mend
	@$(VENV)/python ci/lint.py --fix

test: tools data microdot ## build what the tests need and run all of them
	@$(PYTHON) ci/packages.py unix32 rp2 measure riscv qemu browser
	@$(PYTHON) ci/build.py UNIX UNIX32 stock faults faults32 RPI_PICO RPI_PICO2 QEMU_M33 QEMU_RV32
	@$(VENV)/python -m pytest tests -q $(PYTEST_ARGS) $(ARGS)

test-nightly: ## the same with the long versions: an hour and more (docs/storage.md)
	@MTDB_NIGHTLY=1 $(MAKE) test

bench: tools data ## measure; writes dist/bench.json and charts
	@$(PYTHON) ci/packages.py measure
	@$(PYTHON) ci/fetch.py microdbx chumicro-kvstore chumicro-msgpack >/dev/null
	@$(PYTHON) ci/build.py UNIX UNIX32 RPI_PICO RPI_PICO2
	@$(PYTHON) ci/mip.py >/dev/null
	@$(VENV)/python bench/run.py $(ARGS)

release: tools ## build every board that can be built here into dist/
	@$(PYTHON) ci/release.py

boards: ## list the boards
	@$(PYTHON) ci/boards.py

firmware: ## build the image of BOARD= into dist/BOARD/
	@$(PYTHON) ci/build.py $(BOARD)

try: tools firmware ## REPL of the image of BOARD=, in its emulator
	@$(VENV)/python ci/try.py $(BOARD)

flash: tools firmware ## write the image of BOARD= to a connected device [PORT=]
	@$(VENV)/python ci/flash.py $(BOARD) $(PORT)

update: tools firmware ## update the board of BOARD= over its USB cable, into its other slot: [PORT=]
	@$(VENV)/python ci/cable.py $(BOARD) $(PORT)

mip: tools ## make dist/mip, from which `mpremote mip install` installs on stock firmware
	@$(PYTHON) ci/mip.py

stubs: tools ## make dist/microtetherdb_stubs-*.whl: types for editors, mypy and pyright
	@$(PYTHON) ci/stubs.py

tools:
	@$(PYTHON) ci/tools.py

data:
	@$(PYTHON) ci/fetch.py vega-datasets >/dev/null
	@mkdir -p build/run && ln -sf ../src/vega-datasets/seattle-weather.csv build/run/

microdot:
	@$(PYTHON) ci/fetch.py microdot >/dev/null

clean: ## remove what was built, keep what was fetched
	@for d in build/*; do case $$d in build/src|build/download|build/apt|build/venv) ;; *) rm -rf $$d;; esac; done; rm -rf dist

distclean: ## remove build/ and dist/
	@rm -rf build dist
