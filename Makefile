# The three main commands:
#
#     make up      brings up an environment on this machine, configured and verified
#     make test    runs every test
#     make drills  breaks an environment of its own in every way that it must survive
#
# Every recipe runs with the tools and variables of tools/env.sh, as a shell does after `. tools/env.sh`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
BASH_ENV := $(CURDIR)/tools/env.sh
export BASH_ENV

# The stack, which is the environment that Pulumi.<stack>.yaml declares. CONVERT names one that an earlier release made,
# and whose server may become the first member of a cluster: writes stop for some seconds.
STACK ?= $(or $(CONVERT),local)
FLASHTIER_STACK := $(STACK)
export FLASHTIER_STACK
FLASHTIER_CONVERT := $(CONVERT)
export FLASHTIER_CONVERT
# FLASHTIER_CONFIG_FILE names a declaration elsewhere; `flashtier secrets` reads it, too.
CONFIG_FILE := $(if $(FLASHTIER_CONFIG_FILE),--config-file '$(FLASHTIER_CONFIG_FILE)')

.DEFAULT_GOAL := help
.PHONY: help bench setup up down provision configure verify summary test drills check lint types unit components format

help: ## Show the targets
	@echo 'flashtier: web, database and flash storage tiers, declared, configured and proved.'
	@echo 'Targets, for the environment STACK=$(STACK) where they act on one:'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "    make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'By hand: . tools/env.sh, then pulumi, ansible-playbook and pytest as the recipes in ./Makefile show.'

setup: ## Install and start what the kit needs on this machine (as root; quick when all is installed)
	@tools/setup

up: ## Bring up STACK: setup, provision, configure, verify, and a summary
	@[ -z "$$(command -v python3)" ] || tools/stack.py check '$(STACK)'
	@tools/phase --new
	@tools/phase setup tools/setup
	@tools/hold $(STACK) $(MAKE) --no-print-directory --jobs=1 provision configure verify summary

# On AWS a complete preview runs first: rules about the whole stack fail it before anything is made.
SKIP_PREVIEW = $(shell grep -Eqs '^ +platform: aws *$$' '$(or $(FLASHTIER_CONFIG_FILE),Pulumi.$(STACK).yaml)' || echo --skip-preview)

provision: ## Pulumi: hosts, volumes and network as Pulumi.STACK.yaml declares
	@tools/stack.py unlock $(STACK)
	@tools/stack.py forward $(STACK)
	@python -m infra.local.dangling $(STACK)
	@flashtier secrets -s $(STACK)
	@tools/phase provision pulumi up -s $(STACK) $(CONFIG_FILE) --refresh --yes $(SKIP_PREVIEW) --non-interactive

configure: ## Ansible: configure the hosts by their roles and the contract
	@tools/phase configure ansible-playbook -i ansible/inventory.pulumi_stack.yml ansible/site.yml

verify: ## testinfra: check that what is declared is in effect
	@tools/phase verify pytest tests/hosts

summary: ## Show addresses, URLs, what was verified and how long it took
	@flashtier summary -s $(STACK)

down: ## Destroy a stack, including its data volumes: make down CONFIRM=<name of the stack>
	@tools/down '$(CONFIRM)'

test: ## Run every test: check, the engine, and the life of a whole environment (stack `test`)
	@tools/setup --tests
	@tools/hold test tests/life

# The stack that drills break: `drill`, unless STACK was given. One run at a time.
DRILL_STACK := $(if $(filter file,$(origin STACK)),drill,$(STACK))

drills: ## Break stack `drill` and check that it recovers: all drills, or DRILL=<one of them>
	@tools/setup --tests
	@FLASHTIER_STACK=$(DRILL_STACK) tools/hold drills \
		pytest $(if $(DRILL),tests/drills/test_$(DRILL).py,tests/drills) --capture=no $(OPTIONS)

bench: ## Measure an environment of 4, 9 and 18 hosts against bare `lxc launch` (stack `bench`)
	@tools/setup
	@tools/hold benchmarks benchmarks/growth.py $(OPTIONS)

check: ## Run linters, type checks and unit tests, in about two minutes
	@$(MAKE) --no-print-directory --jobs=2 --output-sync unit types lint

# Tests of AWS are in folders named aws and have a target of their own: importing the SDKs of AWS, recording prod and
# rendering its files takes a minute.
unit:
	@pytest tests/unit --ignore-glob='tests/unit/*/aws'
	@uv run --frozen --directory app pytest tests/unit
	@uv run --frozen --directory patroni pytest

components: ## Test AWS: components on Pulumi's mocks, files of its hosts, checks of the account
	@pytest $(shell find tests/unit -type d -name aws)

types:
	@mypy
	@uv run --frozen --directory app mypy
	@uv run --frozen --directory patroni mypy
	@uv sync --frozen --quiet --project policy
	@mypy --python-executable policy/.venv/bin/python policy/engine.py policy/__main__.py policy/rules

lint:
	@ruff check .
	@ruff format --check .
	@lint-imports --no-cache --no-logo
	@shellcheck -x $(SHELL_FILES)
	@yamllint --strict .
	@ansible-lint --offline -q
	@zizmor --offline --quiet docs/ci/github-actions.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows docs/ci/github-actions.yml
	@check-jsonschema --quiet --builtin-schema vendor.gitlab-ci docs/ci/gitlab-ci.yml

format: ## Format the Python files
	@ruff format .
	@ruff check --fix .

SHELL_FILES := tools/setup tools/hold tools/phase tools/down tools/env.sh tools/lib/*.sh tools/lib/watch \
	tools/pulumi/language-host/pulumi-language-python tests/life .ci/run
