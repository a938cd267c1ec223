# Every command sets up what it needs in .venv: python3.11+ with venv and pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MEMBERS := schemas agent collector firmware-sim

.PHONY: demo test check bench chaos format lock clean

demo: $(READY)
	@exec $(BIN)/milepost-sim demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(TRACK),--track "$(TRACK)") \
		$(if $(REPORT),--report "$(REPORT)") $(if $(DATA),--data "$(DATA)")

# Two at a time, each with servers of its own: much of a test is waiting.
test: $(READY)
	@exec $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)
	@exec $(BIN)/python -m tests.bench $(if $(REPORT),--report "$(REPORT)")

chaos: $(READY)
	@exec $(BIN)/python -m tests.system.chaos $(if $(ONLY),--only $(ONLY)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(REPORT),--report "$(REPORT)")

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

$(READY): requirements.lock $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Milepost needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11")'
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $(READY)

# The lock names versions and hashes of everything for every supported Python and machine.
lock: $(READY)
	@$(BIN)/uv export --quiet --all-packages --all-extras --all-groups --no-emit-workspace \
		--no-annotate --no-header --upgrade -o requirements.lock

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .milepost
