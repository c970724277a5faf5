# Galena from a clean clone. `make` alone lists what there is.
#
# demo and test build the environment in .venv themselves, of the files whose hashes are
# in tools/locks and of no others. Another Python (3.11 or newer): make demo PYTHON=python3.12

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV ?= .venv
DEMO ?= runs/demo
DATA ?= data
HOSTILE ?= build/hostile
NOTEBOOKS ?=
SPEC ?= campaigns/examples/solar_absorber.yaml
BIN := $(VENV)/bin
# Many tests wait for servers, browsers or the dead: three keep two cores busy. The longest
# files must not come last.
WORKERS ?= -n 3 --dist loadfile --no-loadscope-reorder
INSTALL := $(BIN)/python tools/install_locked.py
LOCKS := $(wildcard tools/locks/*.txt)
TORCH = $(shell grep '^torch==' constraints.txt)

# Thread pools of several libraries fight for few cores: one thread each does more.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
# Nothing is compiled while it is installed, so that the first use is soon; what is not kept then
# would be compiled again by every process, which takes each of them ten seconds.
unexport PYTHONDONTWRITEBYTECODE
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.PHONY: help install demo docs docs-links lab notebooks notebooks-keep test lint format bench \
	bench-speed audit chaos fuzz hostile ui licences sbom constraints locks clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.runtime ## build the environment in .venv; then: source .venv/bin/activate

demo: $(VENV)/.runtime ## run the example campaign (resumes runs/demo) and print the shortlist
	@$(BIN)/galena campaign run $(SPEC) --folder $(DEMO)
	@echo
	@echo "Look at the rounds in MLflow:  make ui"
	@echo "Start over:                    rm -r $(DEMO) && make demo"

lab: $(VENV)/.dev ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

notebooks: $(VENV)/.dev ## execute a copy of each notebook and compare its key numbers
	@$(BIN)/python tools/notebooks.py run runs/notebooks
	@$(BIN)/python tools/notebooks.py compare runs/notebooks

notebooks-keep: $(VENV)/.dev ## execute NOTEBOOKS (all of them) in place and keep the outputs
	@$(BIN)/python tools/notebooks.py keep $(NOTEBOOKS)

test: $(VENV)/.dev ## run the tests
	@$(BIN)/python -m pytest -p no:nbmake $(WORKERS) $(ARGS)

lint: $(VENV)/.dev ## style, types and layering
	@echo "ruff check";        $(BIN)/ruff check .
	@echo "ruff format";       $(BIN)/ruff format --check .
	@echo "mypy";              $(BIN)/mypy --num-workers 2
	@echo "import-linter";     $(BIN)/lint-imports

audit: $(VENV)/.dev ## unsafe code, and known vulnerabilities of dependencies
	@echo "bandit";    $(BIN)/bandit -q -c pyproject.toml -r materials models campaigns tools
	@$(BIN)/python tools/audit.py

hostile: $(VENV)/.dev ## open the hostile pack with the commands; HOSTILE=folder
	@rm -rf $(HOSTILE) && $(BIN)/python tools/hostile_pack.py $(HOSTILE)

format: $(VENV)/.dev ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure the predictors on DATA=folder beside baselines and CGCNN
	@$(BIN)/galena bench accuracy $(DATA)/mp_train.parquet $(DATA)/mp_val.parquet \
		-o benchmarks/results/accuracy.json $(ARGS)

bench-speed: $(VENV)/.dev ## measure screening on DATA=folder beside other networks
	@$(BIN)/galena bench speed $(DATA)/mp_unlabelled.parquet \
		-o benchmarks/results/speed.json --plot benchmarks/results/speed.png $(ARGS)

chaos: $(VENV)/.dev ## kill and hurt campaigns, screenings and trainings; see that nothing is lost
	@$(BIN)/python tools/chaos $(ARGS)

ui: $(VENV)/.runtime ## open the campaigns of runs/ in MLflow on this machine
	@$(BIN)/galena ui $(ARGS)

$(VENV)/.runtime: pyproject.toml $(LOCKS)
	@test -n "$(PYTHON)" || { echo "Galena needs Python 3.11 or newer; say where: \
	make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "[1/3] environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing; on Debian and \
	Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "[2/3] installing $(TORCH) (about half a minute)"
	@$(INSTALL) torch
	@echo "[3/3] installing Galena and its libraries (about two minutes)"
	@$(INSTALL) build runtime sdists galena
	@touch $@

fuzz: $(VENV)/.dev ## feed readers 100,000 broken inputs per group: make fuzz ARGS="cif --inputs 5000"
	@$(INSTALL) fuzz || echo "without atheris nothing is guided by coverage"
	@$(BIN)/python tools/fuzz $(ARGS)

docs: $(VENV)/.docs ## build the site of the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict -f tools/site/mkdocs.yml
	@$(BIN)/python tools/check_site.py build/site
	@echo "Look at it: $(BIN)/python -m http.server --directory build/site"

docs-links: $(VENV)/.docs ## ask every page that the documentation links to whether it is there
	@$(BIN)/python tools/check_links.py

$(VENV)/.docs: $(VENV)/.runtime
	@echo "[docs] installing the tools for the site"
	@$(INSTALL) docs
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "[dev] installing the tools for tests and linting"
	@$(INSTALL) docs dev
	@touch $@

licences: $(VENV)/.dev ## look that every dependency's licence goes with ours, write docs/licences.md
	@$(BIN)/python tools/licences.py

sbom: $(VENV)/.dev ## write the bill of materials (CycloneDX) into build/sbom.cdx.json
	@$(BIN)/python tools/sbom.py

constraints: ## take the newest versions that fit pyproject.toml into constraints.txt
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install -qq --disable-pip-version-check \
		$(TORCH) '.[dev]'
	@build/constraints/bin/python tools/write_constraints.py > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints
	@$(MAKE) locks

locks: ## pin and hash what constraints.txt names, for every Python and system
	@rm -rf build/locks && $(PYTHON) -m venv build/locks
	@build/locks/bin/python tools/install_locked.py uv
	@build/locks/bin/python tools/lock.py --uv build/locks/bin/uv
	@rm -rf build/locks

clean: ## remove the environment and caches, never runs/
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find materials models campaigns tests tools benchmarks -name __pycache__ \
		-type d -prune -exec rm -rf {} +
