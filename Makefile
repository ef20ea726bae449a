# `make help` lists the targets. The tools are in .venv, what is downloaded or built is in .cache: nothing else is touched,
# but for a container engine and mmdebstrap, which come from apt-get where they are missing.
.DEFAULT_GOAL := help
.PHONY: help tools demo demo-down test matrix audit pair bench screenshots reference docs changelog lint unit python39 sanity molecule collection clean

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export npm_config_cache := $(CURDIR)/.cache/npm

SHELL_SCRIPTS = tools/common.sh $(shell grep -rlE '^\#!/bin/(ba)?sh' tools .ci molecule/resources/images)
PYTHON_TOOLS = $(shell grep -lsE '^\#!.*python3' tools/*)
NODE_PACKAGES = $(addprefix molecule/resources/,apps/chat apps/browser apps/shapes apps/recovery $(addprefix apps/generations/,0.9 1 2 3 4 echo) \
	clients clients/generations clients/shapes)
WORKFLOWS = $(wildcard .github/workflows/*.yml docs/examples/*/.github/workflows/*.yml)
SCENARIO ?= default

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: tools ## An edge and two Socket.IO nodes in containers, and the proof that every transport works
	@tools/demo up

demo-down: tools ## Remove the demo
	@tools/demo down

test: ## Lint, unit tests (on Python 3.9 too), sanity of the artifact, and every scenario
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint unit python39 sanity
	@tools/scenarios

matrix: tools ## Every transport of every Socket.IO generation through an edge, as a table here and in docs/transports.md
	@tools/matrix

audit: tools ## TLS scans and attacks against an edge, on three ages of HAProxy, as a table here and in docs/audit.md
	@tools/audit

pair: tools ## What moves and deaths of a shared address cost, as a table in docs/pair.md
	@rm -f .cache/pair/moves.json
	@PAIR_TESTS="thorough or not thorough" PAIR_TIMEOUT=0.8 PAIR_ADVERT_INTERVAL=0.3 PAIR_SOCKETS=$${PAIR_SOCKETS:-9000} \
		tools/scenarios pair
	@tools/pair

bench: tools ## Measure, as ratios of one run; some of it: make bench BENCH="NAME ..."
	@tools/bench $(BENCH)

screenshots: tools ## Pictures for the README, of the running demo
	@tools/screenshots

reference: tools ## Write docs/reference.md from the descriptions of variables and options
	@python tools/reference

docs: tools ## The documentation site, in .cache/docs/site
	@tools/docs

changelog: tools ## Take the fragments of changelogs/fragments into CHANGELOG.rst, under the version in galaxy.yml
	antsibull-changelog release --update-existing

lint: tools ## Static checks of everything
	ruff check . $(PYTHON_TOOLS)
	mypy
	mypy $(PYTHON_TOOLS)
	yamllint --strict .
	shellcheck --external-sources --source-path=SCRIPTDIR $(SHELL_SCRIPTS)
	ansible-lint -q
	antsibull-changelog lint
	check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	zizmor --offline --pedantic --quiet $(WORKFLOWS)
	python tools/reference --check

unit: tools ## Unit tests, with the branches that they cover
	@tools/binaries
	pytest --cov

python39: tools ## Unit tests under Python 3.9 of Debian 11, the oldest that a managed host may have
	@tools/python39

molecule: tools ## One scenario: make molecule SCENARIO=default
	molecule test --scenario-name $(SCENARIO)

sanity: tools ## ansible-test sanity on the artifact
	@tools/collection sanity

collection: sanity ## The artifact in .cache/collection: ansible-test on the oldest and newest ansible-core, galaxy-importer, its role run
	@tools/collection sanity 2.16 2.21
	@tools/collection python
	@tools/collection import
	@tools/scenarios collection

clean: ## Remove the tools, the images and everything else that was made
	@tools/images remove
	@tools/engine stop
	rm -rf .cache .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache $(NODE_PACKAGES:=/node_modules)

tools: .venv/made $(NODE_PACKAGES:=/node_modules/.package-lock.json) ## The tool environment in .venv

.venv/made: requirements.txt
	@tools/bootstrap

%/node_modules/.package-lock.json: %/package-lock.json | .venv/made
	@echo "==> Installing the Node modules of $*"
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --silent
	@touch $@
