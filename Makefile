# `make run` runs the experiment quickstart, `make test` the tests; both set up .venv first, `make run` without the tools of developers.

PYTHON ?= python3
# A name or a path, which may contain spaces; several are separated by commas.
EXPERIMENT ?= quickstart
# For `make run`, the default is that of the experiment. For `make poster`, full (the default) is the paper's scale, and small is
# for two CPU cores.
SCALE ?=
ARGUMENTS ?=
# For `make fuzz`: inputs per test.
EXAMPLES ?= 1000
# For `make test` and `make test-all`: tests that run at the same time, in processes of one thread each.
WORKERS ?= 2
# Values given by the user are passed to commands only by environment variables, so that neither make nor a shell evaluates them.
override PYTHON := $(value PYTHON)
override EXPERIMENT := $(value EXPERIMENT)
override SCALE := $(value SCALE)
override ARGUMENTS := $(value ARGUMENTS)
override EXAMPLES := $(value EXAMPLES)
override WORKERS := $(value WORKERS)
export PYTHON EXPERIMENT SCALE ARGUMENTS EXAMPLES WORKERS

VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/default
POSTER := random_init,losses_architectures,training_datasets,random_init_layers,defences,more_data

# Snakemake and matplotlib keep caches in the home folder; if it is not writable, they are kept here.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
endif

.PHONY: run poster test test-all test-slurm fuzz cluster-plugins lint docs readme pretrained bench-overhead bench-scale bench-poster bench-training
.PHONY: bench-inversion bench-inversion-full bench-memory bench-agreement bench-drop-in bench-controls bench-similarity bench-report peers
.PHONY: check-python clean bench-evaluations notebook bench-gpu bench-panel tutorials time-first-score version-matrix

run: $(VENV)/.installed
	@$(BIN)/python -P -m stir_workflow run --scale "$$SCALE" -- "$$EXPERIMENT"

# Run the poster's six experiments at once, so that shared files are made once and all cores are used; then render their page.
# After an interruption, the same command resumes.
poster: $(VENV)/.installed
	$(SNAKEMAKE) --config experiment=$(POSTER) scale="$${SCALE:-full}"
	$(BIN)/python -m scripts.poster "$${SCALE:-full}" results

# Workers that are done take tests from the others, so that none of the slow ones is left to one worker.
PYTEST_IN_PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses "$$WORKERS" --dist worksteal

test: $(VENV)/.dev-installed lint
	$(PYTEST_IN_PARALLEL) $$ARGUMENTS

# Also run the long tests: hundreds of corruptions, dozens of kills, 13,000 jobs, and with STIR_TEST_SLURM=1 SLURM.
test-all: $(VENV)/.dev-installed lint cluster-plugins
	$(PYTEST_IN_PARALLEL) --timeout 7200 -m 'long or not long' $$ARGUMENTS

# Test on a real SLURM, which the tests start: as root, with slurm-wlm and munge installed. ARGUMENTS='-m long' runs the long ones.
# STIR_TEST_SLURM=1 must be set, since the tests write /etc/slurm.
test-slurm: cluster-plugins
	$(BIN)/python -m pytest --timeout 7200 tests/workflow/slurm $$ARGUMENTS

# Fuzz with new inputs and print a table of the outcomes; docs/security.md contains one.
fuzz: $(VENV)/.dev-installed
	STIR_FUZZ_EXAMPLES="$$EXAMPLES" $(BIN)/python -m pytest tests/fuzzing $$ARGUMENTS

cluster-plugins: $(VENV)/.dev-installed
	$(BIN)/python -P -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[workflow,dev,cluster]'

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation as a site, in site/; a warning is an error.
docs: $(VENV)/.docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.docs-installed: $(VENV)/.installed
	$(BIN)/python -P -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[docs]'
	touch $@

# Render the numbers and figures of README.md from the last `make run`.
readme: $(VENV)/.installed
	$(BIN)/python -m scripts.quickstart
	$(BIN)/python -m scripts.controls
	$(BIN)/python -m scripts.user_pages

# Render docs/pretrained.md from the last `make run EXPERIMENT=pretrained`.
pretrained: $(VENV)/.installed
	$(BIN)/python -m scripts.pretrained

# Follow docs/start.md from nothing to a first score, in a new folder, and write the times into that page: minutes, and 3 GB downloaded.
time-first-score: $(VENV)/.installed
	$(BIN)/python -m scripts.first_score

# Install the wheel with the lowest and with the newest versions, run the library's tests, and render the table of docs/installation.md.
# STIR_NEWEST_PYTHON=python3.13 names another Python.
version-matrix: $(VENV)/.installed
	$(BIN)/python -m scripts.version_matrix $$ARGUMENTS

# Execute docs/notebooks/library.py and keep its outputs.
notebook: $(VENV)/.dev-installed
	$(BIN)/jupytext --to ipynb --execute docs/notebooks/library.py

# Execute the tutorials, and keep their outputs: a minute or two. thumbnails.py is a network that one of them reads.
tutorials: $(VENV)/.dev-installed
	$(BIN)/jupytext --to ipynb --execute $(filter-out %/thumbnails.py,$(wildcard docs/tutorials/*.py))

bench-overhead: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/overhead.py

bench-scale: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/scale.py $$ARGUMENTS

# Cost of the poster's experiments at full scale: counted and estimated, not run.
bench-poster: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/poster_costs.py $$ARGUMENTS

# One evaluation of networks for photographs, as given and folded.
bench-evaluations: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/evaluations.py $$ARGUMENTS

bench-training: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/training.py

# These read their images from the folder or archive that STIR_CIFAR10_JPEG names.
bench-inversion: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/inversion.py
	$(BIN)/python benchmarks/inversion_photographs.py $$ARGUMENTS

bench-inversion-full: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/inversion_full.py

# On a GPU, in under 8 minutes: beside the PyTorch of .venv, or else of $PYTHON, which stays as it is. ARGUMENTS=--rehearse: on the CPU.
bench-gpu: | check-python
	if [ -x $(BIN)/python ]; then PYTHON=$(BIN)/python; fi; "$$PYTHON" benchmarks/gpu_environment.py $$ARGUMENTS

bench-memory: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/memory.py

bench-agreement: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/agreement.py $$ARGUMENTS

# Evaluations that each descent needs, over a panel of networks; hours on two cores. ARGUMENTS='--networks lite0 --methods lbfgs' runs
# a part, and ARGUMENTS=--render only renders what was kept.
bench-panel: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks.panel $$ARGUMENTS

# Compare stir.STIR with that of stir-invariance on one small example.
bench-drop-in: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/drop_in.py $$ARGUMENTS

# Cost of the controls as a share of an experiment that was run before. ARGUMENTS='losses_architectures --scale small' selects another one.
bench-controls: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/controls.py $$ARGUMENTS

# Both install other packages in data/benchmarks/peers/ the first time. ARGUMENTS='--sizes 1000x512' selects sizes.
bench-similarity: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/similarity.py $$ARGUMENTS

bench-report: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/report.py $$ARGUMENTS

# Render docs/peers.md: values of other packages beside the right ones.
peers: $(VENV)/.dev-installed
	$(BIN)/python benchmarks/peers.py

# Each stamp is written last, so that an interrupted installation is repeated.
$(VENV)/.installed: pyproject.toml constraints.txt | check-python
	"$$PYTHON" -P -m venv $(VENV)
	$(BIN)/python -P -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[workflow]'
	touch $@

# What only developers need, beside that: linters, test tools, documentation, packages to compare with.
$(VENV)/.dev-installed: $(VENV)/.installed
	$(BIN)/python -P -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[workflow,dev]'
	touch $@

check-python:
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, not $$("$$PYTHON" --version); name one: make run PYTHON=python3.12" >&2; exit 1; }

clean:
	rm -rf $(VENV)
