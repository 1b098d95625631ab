.DEFAULT_GOAL := help
SHELL := /bin/bash

# Any Python from 3.11 on, whatever it is called here.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python3.14 python,$(shell \
	command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := deploy/requirements-dev.lock
STAMP := $(VENV)/.installed
ARGS ?=

COMPILED := build/compiled

# Tests run in two processes, each test's file in one of them (tests/conftest.py); one that crashes is
# not started again, because what it was dealt would be waited for for ever.
IN_TWO = -n 2 --no-loadscope-reorder --max-worker-restart 0

.PHONY: help demo found test test-compiled compiled check lint types schemas bench bench-baseline bench-compare profile chaos chaos-kafka soak audit sbom clean lock format

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "Shoal needs Python 3.11 or newer. Install it, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r <(sed -n '/^uv==/,/[^\]$$/p' $(LOCK))
	@# uv takes a third of pip's time; where it does not reach what pip is set up for, pip does it.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r $(LOCK) || \
		$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## a simulated shop, a broker and a worker, live in the terminal (ARGS="--seconds 30")
	@$(BIN)/shoal demo $(ARGS)

test: $(STAMP) ## every test but the long ones (ARGS="-k cart")
	@$(BIN)/python -m pytest $(IN_TWO) -m "not chaos and not bench" $(ARGS)

compiled: $(COMPILED)/.made ## the hot path as extension modules, in build/compiled (needs a C compiler; a wheel is beside it)

# The builder renames pyproject.toml while it works, so it works on a copy.
$(COMPILED)/.made: $(STAMP) $(shell find stream -name '*.py' -o -name '*.yaml' -o -name '*.bin') pyproject.toml
	@command -v cc >/dev/null || { echo "make compiled needs a C compiler. On Debian or Ubuntu: apt-get install gcc libc6-dev" >&2; exit 1; }
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)/source $(COMPILED)/lib
	@cp -R stream pyproject.toml README.md LICENSE $(COMPILED)/source
	@cd $(COMPILED)/source && HATCH_BUILD_HOOK_ENABLE_MYPYC=true $(abspath $(BIN)/python) -m hatchling build -t wheel -d .. >../log 2>&1 \
		|| { cat ../log; exit 1; }
	@$(BIN)/python -m zipfile -e $(COMPILED)/*.whl $(COMPILED)/lib
	@$(BIN)/python -m compileall -q $(COMPILED)/lib # as an installer does
	@rm -rf $(COMPILED)/source && touch $@

test-compiled: compiled ## the tests of the core, on the extension modules
	@PYTHONPATH=$(COMPILED)/lib:. PYTHONSAFEPATH=1 SHOAL_TEST_COMPILED=1 $(SECOND) $(BIN)/python -m pytest $(IN_TWO) -o pythonpath= -q $(COMPILED_TESTS) $(ARGS)

# Of the simulator what runs the engine: the shop itself has one form.
COMPILED_TESTS = tests/engine tests/events tests/features tests/oracle tests/properties tests/segments tests/state tests/timers \
	tests/simulation/chaos tests/simulation/test_latent_types_found.py tests/simulation/test_offline.py tests/simulation/test_relived.py \
	tests/simulation/test_traffic_live.py

# Tests with brokers wait for much of their time: in it the extension modules are built and tested, and
# where both want a core they are second. What they have said comes after the tests, whose closing
# line then stands once more. They are a process group (`set -m`), so that compilers end with the rest.
check: $(STAMP) ## what CI runs: lint, types, schemas, the core's tests on extension modules, test
	@set -o pipefail; mkdir -p build; \
	trap 'kill -- -$$beside 2>/dev/null' EXIT; trap 'exit 130' INT; \
	set -m; $(MAKE) --no-print-directory test-compiled SECOND=nice >build/beside 2>&1 </dev/null & beside=$$!; set +m; \
	$(MAKE) --no-print-directory lint types schemas || exit; \
	$(MAKE) --no-print-directory test | tee -i build/tested; code=$$?; \
	wait $$beside || code=1; \
	cat build/beside; tail -n 1 build/tested; exit $$code

lint: $(STAMP) ## style, formatting, and the floors between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

schemas: $(STAMP) ## are schemas/ and the types they come from still the same?
	@$(BIN)/shoal schemas --check

BENCH = $(if $(ONLY),--only $(ONLY)) $(if $(EVENTS),--events $(EVENTS)) $(if $(CUSTOMERS),--customers $(CUSTOMERS)) \
	$(if $(RUNS),--runs $(RUNS)) $(if $(RATE),--rate $(RATE)) $(if $(SAVE),--save)

# FORM=compiled measures the extension modules: every process of the benchmark finds those first.
BENCH_FORM = $(if $(filter compiled,$(FORM)),PYTHONSAFEPATH=1 PYTHONPATH=$(COMPILED)/lib:.)

bench: $(STAMP) $(if $(FORM),$(FORM)) ## every figure, in one table and as JSON (ONLY=latency,shoal EVENTS= CUSTOMERS= RUNS= RATE= FORM=compiled SAVE=1; ARGS=--help)
	@$(BENCH_FORM) $(BIN)/python -m tests.bench $(BENCH) $(ARGS)

found: $(STAMP) ## how well the built-in segments find the simulated shop's latent types (ARGS="--customers 600 --days 180")
	@$(BIN)/python -m tests.simulation.claims $(ARGS)

bench-baseline: $(STAMP) ## the same, kept to compare later runs with
	@$(BIN)/python -m tests.bench $(BENCH) --save $(ARGS)

bench-compare: $(STAMP) ## the newest run against the baseline, row by row
	@$(BIN)/python -m tests.bench.compare $(ARGS)

profile: $(STAMP) ## where a worker's time goes: flame graph and tables in build/bench (ARGS="--what replay")
	@$(BIN)/python -m tests.bench.profile $(ARGS)

chaos: $(STAMP) ## seeded rounds of faults over the worker's own code, in memory (SEED=7 ROUNDS=1000 EVENTS=200)
	@$(BIN)/python -m tests.simulation.chaos $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(EVENTS),--events $(EVENTS)) $(ARGS)

soak: $(STAMP) ## a worker and the simulated shop for long: memory, files, threads, latency by minute (MINUTES=20 RATE=60)
	@$(BIN)/python -m tests.kafka.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(ARGS)

chaos-kafka: $(STAMP) ## seeded rounds of faults on a real broker with real workers, and their table (ROUNDS=100 SEED=1 KIND=kill)
	@$(BIN)/python -m tests.kafka.faults $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(KIND),--kind "$(KIND)") $(ARGS)

format: $(STAMP) ## let ruff lay out the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP) ## resolve the dependencies anew into deploy/*.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --upgrade --extra rocksdb pyproject.toml --output-file deploy/requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --upgrade --extra dev --constraint deploy/requirements.lock \
		pyproject.toml --output-file $(LOCK)

# Each in an environment of its own, at a version of its own: they are no dependencies of Shoal.
TOOL = $(BIN)/uv tool run --quiet --from

audit: $(STAMP) ## known weaknesses of the code (bandit) and of the locked dependencies (pip-audit asks PyPI)
	@$(TOOL) bandit==1.8.6 bandit --quiet --configfile pyproject.toml --recursive stream
	@for lock in deploy/*.lock; do $(TOOL) pip-audit==2.9.0 pip-audit --require-hashes --disable-pip --strict -r $$lock || exit 1; done

sbom: $(STAMP) ## what is shipped, as a CycloneDX bill of materials: build/sbom.json
	@mkdir -p build
	@PYTHONWARNINGS=ignore $(TOOL) cyclonedx-bom==7.5.0 cyclonedx-py requirements deploy/requirements.lock --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/sbom.json
	@echo build/sbom.json

clean: ## remove everything that the other targets made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
