# One command per need. Every target makes .venv ready first (scripts/setup; nothing to do is a few milliseconds).

BIN := .venv/bin
BANK := examples/bank
YEAR := data/year
# A file of tests stays with one process, in the order of the folders: the long ones among them come early.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run serve test check format pytest rules schemas stubs lock bench clean

help:      ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup:     ## .venv with the pinned packages; asks the system for a C compiler and Python's headers where they are missing
	@scripts/setup

run: setup ## send the messages of a real year, by a simulated carrier, and show what became of them
	rm -rf $(YEAR)
	$(BIN)/signalbox send $(BANK)/transactions.csv.gz --map $(BANK)/map.yaml --data-dir $(YEAR) --wait --trace

serve: setup ## the server, on a loopback address, with its data in ./data
	$(BIN)/signalbox serve --data-dir data

test: check pytest rules ## everything that .ci/run does: check, pytest, rules
	@echo 'test: all passed'

check: setup ## style, types, contract, stubs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/buf lint proto
	$(BIN)/python scripts/stubs.py --check

format: setup ## put the code into its one layout and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

pytest: setup ## the tests alone, side by side on up to four cores
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

rules: setup ## check the served rules, run their tests, and see that these reach every condition and notice mistakes
	$(BIN)/signalbox rules check --strict
	$(BIN)/signalbox rules fmt --check
	$(BIN)/signalbox rules test --coverage --fail-under 100 --mutate --mutate-under 97

schemas: setup ## make the JSON Schemas of docs/schemas anew
	$(BIN)/signalbox rules schema --dir docs/schemas

stubs: setup ## make the Python stubs of proto/ anew
	$(BIN)/python scripts/stubs.py

lock: setup ## pin the packages of pyproject.toml anew (UPGRADE=1 takes newer ones)
	scripts/lock

bench: setup ## the benchmarks, each with its yardstick
	$(BIN)/python bench/match.py
	$(BIN)/python bench/cases.py
	$(BIN)/python bench/check.py
	$(BIN)/python bench/evaluate.py
	$(BIN)/python bench/reload.py
	$(BIN)/python bench/send.py
	$(BIN)/python bench/latency.py

clean:     ## take away what tools left behind; .venv and data stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
