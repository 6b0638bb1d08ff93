# Everything a developer or a machine in a pipeline runs. Needs only make and Python 3.11 or later.
#
#   make demo         speak two lines, put them into a sample video; again through the HTTP API; print where the results are
#   make test         all tests (RUN="..." passes arguments to pytest, e.g. RUN="tests/unit -k timeline")
#   make check        format, lint, types, layers, dependencies
#   make bench        speed, memory, file size; written to benchmarks/results (RUN="--only 720p", RUN="--all", RUN="--help")
#   make models       fetch the model files once (to LIPWRIGHT_MODEL_DIR or the user's cache folder)
#   make lock         pin all dependencies again, with hashes
#   make train-head   make the speech-to-mouth-shape model again from packaged voices
#   make clean        remove the environment and what tools left; model files stay
#
# PYTHON picks the interpreter that makes the environment, VENV where it lies. Stamp files in the environment say what
# is done, so that a repeated run starts at once.

PYTHON ?= python3
VENV ?= .venv
RUN ?=
# Two test processes: most tests wait for a server or a render, and few need two cores. A file's tests stay together.
JOBS ?= -n 2 --dist loadfile

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:
.PHONY: demo test check bench lock models train-head clean

$(VENV)/.created:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.dependencies: requirements.lock $(VENV)/.created
	$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.dependencies
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.models: $(wildcard src/lipwright/models/*.py) $(VENV)/.package
	$(PY) -m lipwright.models
	@touch $@

$(VENV)/.training: requirements-training.lock $(VENV)/.package
	$(PIP) install --require-hashes --only-binary :all: -r requirements-training.lock
	@touch $@

models: $(VENV)/.package
	$(PY) -m lipwright.models
	@touch $(VENV)/.models

demo: $(VENV)/.models
	$(BIN)/lipwright demo --api

test: $(VENV)/.models
	$(PY) -m pytest $(JOBS) $(RUN)

check: $(VENV)/.package
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

bench: $(VENV)/.models
	$(PY) -m benchmarks.run $(RUN)

train-head: $(VENV)/.models $(VENV)/.training
	$(PY) -m training.train

# The locks name exact versions and hashes but no address, so that any index or mirror serves.
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(VENV)/.created
	$(PIP) install uv
	$(UV_COMPILE) --extra service --group dev --output-file requirements.lock pyproject.toml
	$(UV_COMPILE) --extra training --constraints requirements.lock --output-file requirements-training.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests training benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
