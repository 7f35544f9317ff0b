# Everything a user calls. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Where it is set, every job compiles the libraries that it imports, which takes as long again as importing them.
unexport PYTHONDONTWRITEBYTECODE

UV := 0.13.8
EXPERIMENT := miniature
PROFILE := local
TARGET := all

ENVIRONMENT := .venv
JUDGE := .judge
# One more than there are cores, up to four: many tests wait for a server, or for what they have started to die.
WORKERS := $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores + 1 : 4)))
PYTHON := PYTHONPATH=scripts $(ENVIRONMENT)/bin/python
SNAKEMAKE := $(ENVIRONMENT)/bin/snakemake
SOURCES := scripts tests
SNAKEFILES := workflow/Snakefile profiles/local/Snakefile rules

.PHONY: reproduce
reproduce: env ## Run the miniature from raw videos to the report, and say what came out
	@$(SNAKEMAKE) --profile local all
	@$(PYTHON) scripts/print_summary.py results/$(EXPERIMENT)

.PHONY: test
test: env lint ## Lint, and all tests
	@$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  -m "not devices" --ignore tests/environments

.PHONY: test-devices
test-devices: env ## Test training in several processes: plain, under ZeRO, launched, killed
	@$(PYTHON) -m pytest -m devices tests/training/test_devices.py

.PHONY: test-slurm
test-slurm: env ## The workflow on a real SLURM cluster of one node (root; apt install slurmctld slurmd slurm-client munge)
	@TEST_SLURM=1 $(PYTHON) -m pytest tests/slurm

.PHONY: test-environments
test-environments: env ## Every rule in an environment of its own, made by a stand-in for conda (installs packages, as env does)
	@$(PYTHON) -m pytest tests/environments

.PHONY: lint
lint: env ## Format, style, types, and the pages of the docs that are made from code
	@$(MAKE) --no-print-directory --jobs 3 check-style check-workflow check-types

.PHONY: check-style check-workflow check-types
check-style:
	@$(ENVIRONMENT)/bin/ruff format --check $(SOURCES)
	@$(ENVIRONMENT)/bin/ruff check $(SOURCES)
	@$(ENVIRONMENT)/bin/snakefmt --check --compact-diff $(SNAKEFILES)
	@$(PYTHON) -m video_r2.generated_pages --check docs

check-workflow:
	@$(SNAKEMAKE) --lint
	@$(SNAKEMAKE) --lint --snakefile profiles/local/Snakefile

check-types:
	@$(ENVIRONMENT)/bin/mypy scripts/video_r2

.PHONY: format
format: env ## Format the sources
	@$(ENVIRONMENT)/bin/ruff format $(SOURCES)
	@$(ENVIRONMENT)/bin/ruff check --fix $(SOURCES)
	@$(ENVIRONMENT)/bin/snakefmt $(SNAKEFILES)

.PHONY: docs
docs: env ## Make docs/config.md, docs/config.schema.json and docs/differences.md from code
	@$(PYTHON) -m video_r2.generated_pages docs

.PHONY: validation
validation: env ## Ask the models of the finished run about the validation split, and print the table
	@$(SNAKEMAKE) --profile local validation --configfile profiles/local/validation.yaml
	@cat results/$(EXPERIMENT)/tables/validation.md

.PHONY: results
results: env ## Write docs/results.md and its figures from the finished run
	@$(PYTHON) scripts/write_results_page.py results/$(EXPERIMENT) docs --commit "$$(git describe --always --dirty)"

.PHONY: why
why: env ## Say which jobs would run, and why (PROFILE=local|slurm TARGET=all)
	@$(PYTHON) scripts/why.py $(TARGET) --profile $(PROFILE)

.PHONY: plan
plan: PROFILE := slurm
plan: env ## Say what a run is going to take: jobs, GPU-hours, disk (PROFILE=slurm|local TARGET=all)
	@$(PYTHON) scripts/plan.py $(TARGET) --profile $(PROFILE)

.PHONY: doctor
doctor: env ## Look whether a run finds all it needs: environment, disk, cluster, GPUs, token, sources (OFFLINE=1: ask nobody)
	@$(PYTHON) scripts/doctor.py $(if $(OFFLINE),--offline)

.PHONY: lock-sources
lock-sources: env ## Add what was fetched to sources.lock.yaml (UPDATE="owner/name ...": move these to what they are now)
	@$(PYTHON) scripts/lock_sources.py $(if $(UPDATE),--update $(UPDATE))

.PHONY: freeze
freeze: env ## Pack the finished run into results/<experiment>-frozen.tar.gz (EXPERIMENT=miniature)
	@$(PYTHON) scripts/freeze.py results/$(EXPERIMENT)

.PHONY: from-frozen
from-frozen: env ## Make every exhibit of such an archive anew, without data and models (ARCHIVE=...)
	@$(PYTHON) scripts/from_frozen.py $(or $(ARCHIVE),$(error name the archive: make from-frozen ARCHIVE=...))

.PHONY: env
env: $(ENVIRONMENT)/.complete ## Make the environment from the lock file

$(ENVIRONMENT)/.complete: requirements.lock scripts/make_environment.sh
	@UV_VERSION=$(UV) bash scripts/make_environment.sh $(ENVIRONMENT) requirements.lock
	@touch $@

.PHONY: judge
judge: $(JUDGE)/.complete ## Make the environment of the judge's server, which judge.serve starts (vLLM; CUDA machines)

# Beside the others, since vLLM brings a torch of its own; by conda where there is one, as the jobs' environments are.
$(JUDGE)/.complete: envs/judge.yaml envs/judge.post-deploy.sh | env
	@if command -v conda >/dev/null; then \
	  conda env create --yes --prefix $(JUDGE) --file $<; \
	else \
	  $(ENVIRONMENT)/bin/uv venv --clear --seed --python $$(sed -n 's/^ *- python=//p' $<) $(JUDGE); \
	fi
	@CONDA_PREFIX=$(CURDIR)/$(JUDGE) PATH=$(CURDIR)/$(ENVIRONMENT)/bin:$$PATH bash envs/judge.post-deploy.sh
	@$(JUDGE)/bin/vllm --version
	@touch $@

.PHONY: lock
lock: env ## Resolve requirements.in into requirements.lock
	@$(ENVIRONMENT)/bin/uv pip compile requirements.in --output-file requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" --quiet

.PHONY: lock-environments
lock-environments: env ## Write what envs/*.in name, as requirements.lock has it, into the scripts that install it
	@bash scripts/lock_environments.sh $(ENVIRONMENT)/bin/uv requirements.lock envs

.PHONY: clean
clean: ## Delete the miniature's results; the environment stays
	@rm -rf results/$(EXPERIMENT)

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14
