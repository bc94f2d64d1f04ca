# `make run` runs the experiment quickstart, `make test` the tests; both set up .venv first.

PYTHON ?= python3
# A name or a path, which may have blanks; several with commas between.
EXPERIMENT ?= quickstart
# Of `make run`: the experiment's own default, if not given. Of `make poster`: full is the paper's (the default), small is for
# two CPU cores.
SCALE ?=
ARGUMENTS ?=
# Of `make fuzz`: inputs per test.
EXAMPLES ?= 1000
# What the user says reaches commands by the environment alone: neither make nor a shell takes it for code.
override PYTHON := $(value PYTHON)
override EXPERIMENT := $(value EXPERIMENT)
override SCALE := $(value SCALE)
override ARGUMENTS := $(value ARGUMENTS)
override EXAMPLES := $(value EXAMPLES)
export PYTHON EXPERIMENT SCALE ARGUMENTS EXAMPLES

VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/default
POSTER := random_init,losses_architectures,training_datasets,random_init_layers,defences,more_data

# Snakemake and matplotlib keep caches in the home folder; where there is none that can be written to, they are kept here.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
endif

.PHONY: run poster test test-all test-slurm fuzz cluster-plugins lint readme pretrained bench-overhead bench-scale bench-poster bench-training bench-inversion bench-inversion-full bench-memory bench-agreement
.PHONY: bench-similarity peers check-python clean

run: $(VENV)/.installed
	$(SNAKEMAKE) --config experiment="$$EXPERIMENT" scale="$$SCALE"
	@$(BIN)/python -m stir_workflow.planning.announcing "$$EXPERIMENT" "$$SCALE"

# The poster's six experiments in one run, so that what they share is made once and all cores have work; then their page.
# After an interruption the same command goes on.
poster: $(VENV)/.installed
	$(SNAKEMAKE) --config experiment=$(POSTER) scale="$${SCALE:-full}"
	$(BIN)/python -m scripts.poster "$${SCALE:-full}" results

test: $(VENV)/.installed lint
	$(BIN)/python -m pytest

# The same and the long ones: hundreds of corruptions, dozens of kills, 13,000 jobs, and with STIR_TEST_SLURM=1 SLURM.
test-all: $(VENV)/.installed lint cluster-plugins
	$(BIN)/python -m pytest -m 'long or not long'

# The tests on a real SLURM, which they start: as root, with slurm-wlm and munge installed. ARGUMENTS='-m long' for the long ones.
# It is asked for by STIR_TEST_SLURM=1, since it writes /etc/slurm.
test-slurm: cluster-plugins
	$(BIN)/python -m pytest tests/workflow/slurm $$ARGUMENTS

# Other inputs each time, and a table of what became of them; docs/security.md keeps one.
fuzz: $(VENV)/.installed
	STIR_FUZZ_EXAMPLES="$$EXAMPLES" $(BIN)/python -m pytest tests/fuzzing $$ARGUMENTS

cluster-plugins: $(VENV)/.installed
	$(BIN)/python -P -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[workflow,dev,cluster]'

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/lint-imports

# Render the numbers and figures of README.md from the last `make run`.
readme: $(VENV)/.installed
	$(BIN)/python -m scripts.quickstart

# Render docs/pretrained.md from the last `make run EXPERIMENT=pretrained`.
pretrained: $(VENV)/.installed
	$(BIN)/python -m scripts.pretrained

bench-overhead: $(VENV)/.installed
	$(BIN)/python benchmarks/overhead.py

bench-scale: $(VENV)/.installed
	$(BIN)/python benchmarks/scale.py $$ARGUMENTS

# What the poster's experiments take at full scale: counted and expected, not run.
bench-poster: $(VENV)/.installed
	$(BIN)/python benchmarks/poster_costs.py $$ARGUMENTS

bench-training: $(VENV)/.installed
	$(BIN)/python benchmarks/training.py

# These take their images from the folder or archive that STIR_CIFAR10_JPEG names.
bench-inversion: $(VENV)/.installed
	$(BIN)/python benchmarks/inversion.py

bench-inversion-full: $(VENV)/.installed
	$(BIN)/python benchmarks/inversion_full.py

bench-memory: $(VENV)/.installed
	$(BIN)/python benchmarks/memory.py

bench-agreement: $(VENV)/.installed
	$(BIN)/python benchmarks/agreement.py

# Both install other packages in data/benchmarks/peers/ the first time. ARGUMENTS='--sizes 1000x512' takes fewer sizes.
bench-similarity: $(VENV)/.installed
	$(BIN)/python benchmarks/similarity.py $$ARGUMENTS

# Render docs/peers.md: what other packages return, and what is right.
peers: $(VENV)/.installed
	$(BIN)/python benchmarks/peers.py

# The stamp is written last: an installation that was cut off is done again.
$(VENV)/.installed: pyproject.toml constraints.txt | check-python
	"$$PYTHON" -P -m venv $(VENV)
	$(BIN)/python -P -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[workflow,dev]'
	touch $@

check-python:
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, not $$("$$PYTHON" --version); name one: make run PYTHON=python3.12" >&2; exit 1; }

clean:
	rm -rf $(VENV)
