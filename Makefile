# make demo      set up, then build the embedded default for the STM32H743
# make test      set up, then lint, type-check and run the fast tests
# make test-all  the same with the slow tests
# make fuzz      random graphs for SECONDS against the reference, from SEED on (docs/testing.md);
#                COMPILER=gcc or clang alone, EMULATOR=yes as firmware in the emulated boards,
#                GRAPHS=5000 ends after so many, TALLY=FILE adds counts of several runs up
# make fuzz-mutations  CASES damaged copies of the models in MODELS, from seed FIRST on
# make fuzz-parsers    the parsers of files and bytes, guided by coverage, SECONDS each; PARSERS=tflite
# make noise     REQUESTS requests and an input of 150 KB over a line that spoils 1 % of the bytes, to the
#                firmware in the emulated BOARD (docs/protocol.md)
# make npu-faults  FRAMES frames over a bad link to TinyNPU, then a build's firmware in the emulated board
#                (docs/tinynpu.md)
# make bench     measure speed and size of the models in MODELS, and write docs/performance.md
#                and its picture docs/peers.svg
# make bench-memory  the same for their arenas and docs/memory.md; GOAL=ram for the least RAM
# make bench-quantization  our int8 files against TFLiteConverter's, for docs/quantization.md
# make bench-etinynet  int8 EtinyNet against float, for docs/quantization.md
# make docs      the manual as a site, in out/site
# make bench-detection  the built-in detector: CPU seconds of its training, mAP of float and int8
# make bench-zoo  the zoo's small nets as bit-exact images, for docs/zoo.md
# make bench-training  methods for few labels compared, for docs/training.md; half an hour
# make bench-qat  what quantization-aware training gives back, for docs/training.md; 11 minutes
# make setup     a virtual environment in .venv with everything `tinydeploy build` needs
# make clean     remove what builds and tests left behind; `make distclean` also removes .venv

BOARD ?= stm32h743
# The first Python of 3.11 to 3.13 that has venv.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet
TORCH := $(shell grep '^torch==' constraints.txt)
WORKERS ?= 2
SARIF_SCHEMA := $(VENV)/share/sarif-2.1.0.schema.json
SARIF_PACKAGE := @microsoft/sarif-multitool-ts@5.7.0

.PHONY: demo test test-all fuzz fuzz-mutations fuzz-parsers noise npu-faults bench bench-memory bench-quantization bench-etinynet bench-training bench-qat bench-zoo docs lint setup setup-dev toolchain programs clean distclean

demo: setup
	$(BIN)/tinydeploy build --board $(BOARD)

test: setup-dev lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow"

test-all: setup-dev lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

SECONDS ?= 600
SEED ?= 1
COMPILER ?= both
fuzz: setup-dev
	PYTHONPATH=tests $(BIN)/python tests/fuzz/run_for.py --seconds $(SECONDS) --seed $(SEED) \
		--compiler $(COMPILER) $(if $(EMULATOR),--emulator) $(if $(GRAPHS),--graphs $(GRAPHS)) \
		$(if $(TALLY),--tally $(TALLY))

CASES ?= 10000
FIRST ?= 0
fuzz-mutations: setup-dev
	PYTHONPATH=tests $(BIN)/python tests/fuzz/run_mutations.py $(MODELS) --cases $(CASES) --first $(FIRST)

fuzz-parsers: setup-dev
	$(PIP) -e '.[fuzz]'
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_parsers.py --seconds $(SECONDS) --seed $(SEED) $(PARSERS)

REQUESTS ?= 10000
noise: setup-dev
	$(BIN)/python tests/link/noise_campaign.py --requests $(REQUESTS) --seed $(SEED) --board $(BOARD)

FRAMES ?= 10000
npu-faults: setup-dev
	$(BIN)/tinydeploy build --board stm32l4r9 --accelerator tinynpu --quiet
	$(BIN)/tinydeploy build --board stm32l4r9 --accelerator tinynpu --link sdio --quiet
	PYTHONPATH=tests/npu $(BIN)/python tests/npu/faults_campaign.py --frames $(FRAMES) \
		--build out/etinynet_digits-stm32l4r9-tinynpu
	PYTHONPATH=tests/npu $(BIN)/python tests/npu/faults_campaign.py --frames $(FRAMES) \
		--link sdio --build out/etinynet_digits-stm32l4r9-tinynpu-sdio

MODELS ?= $(TINYDEPLOY_TEST_DATA)/models
bench: setup
	$(BIN)/python -m benchmarks $(MODELS) --write docs/performance.md
	$(BIN)/python -m benchmarks.peers_picture docs/performance.md docs/peers.svg

GOAL ?= balanced
bench-memory: setup
	$(BIN)/python -m benchmarks.memory $(MODELS) --optimize $(GOAL) --write docs/memory.md

bench-quantization: setup-dev
	$(BIN)/python -m benchmarks.quantization $(MODELS) --write docs/quantization.md

bench-etinynet: setup-dev
	$(BIN)/python -m benchmarks.quantization_etinynet $(TINYDEPLOY_TEST_DATA) --write docs/quantization.md
	$(BIN)/python -m benchmarks.quantization_etinynet $(TINYDEPLOY_TEST_DATA) --ablation 128 --write docs/quantization.md

docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench-training: setup
	$(BIN)/python -m benchmarks.training --write docs/training.md --tables docs/training-tables.md

bench-qat: setup
	$(BIN)/python -m benchmarks.qat --write docs/training.md

bench-detection: setup
	TINYDEPLOY_CACHE=$$(mktemp -d) $(BIN)/python -m benchmarks.detection

bench-zoo: setup
	$(BIN)/python -m benchmarks.zoo --write docs/zoo.md

lint: setup-dev
	$(BIN)/ruff check tinydeploy tests benchmarks docs
	$(BIN)/ruff format --check tinydeploy tests benchmarks docs
	$(BIN)/mypy tinydeploy benchmarks

setup: toolchain $(VENV)/setup.stamp

setup-dev: toolchain programs $(SARIF_SCHEMA) $(VENV)/setup-dev.stamp

$(VENV)/python.stamp: constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 with venv found." \
		"Try: apt-get install python3 python3-venv, or PYTHON=/path/to/python3.12 make ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing $(TORCH) first: whatever asks for torch later is content with it."
	$(PIP) "$(TORCH)"
	@touch $@

$(VENV)/setup.stamp: $(VENV)/python.stamp pyproject.toml
	$(PIP) -e '.[train,detection,emulate]'
	@touch $@

$(VENV)/setup-dev.stamp: $(VENV)/python.stamp pyproject.toml
	$(PIP) -e '.[train,detection,emulate,flash,zig,dev]'
	@touch $@ $(VENV)/setup.stamp

# The Arm compiler from the distribution where it is there or can be installed, else clang from the ziglang wheel,
# which also stands in where there is no C compiler for this machine.
toolchain: $(VENV)/python.stamp
	@command -v arm-none-eabi-gcc >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then apt="apt-get"; else apt="sudo -n apt-get"; fi; \
		echo "Installing arm-none-eabi-gcc"; \
		{ $$apt update && $$apt install -y --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi; } \
			>$(VENV)/apt.log 2>&1 || echo "It cannot be installed here ($(VENV)/apt.log): using ziglang instead"; }
	@if ! command -v arm-none-eabi-gcc >/dev/null || ! command -v cc >/dev/null; then \
		$(BIN)/python -c 'import ziglang' 2>/dev/null || $(PIP) '.[zig]'; fi

# Programs that only tests start: the tests of those that cannot be installed are skipped.
PROGRAMS := qemu-system-arm openocd gdb-multiarch chromium
programs: $(VENV)/python.stamp
	@for program in $(PROGRAMS); do command -v $$program >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then apt="apt-get"; else apt="sudo -n apt-get"; fi; \
		echo "Installing $$program"; \
		{ $$apt update && $$apt install -y --no-install-recommends $$program; } \
			>$(VENV)/apt-$$program.log 2>&1 || echo "It cannot be installed here ($(VENV)/apt-$$program.log)"; }; done

# The schema of SARIF, as Microsoft's tools for it carry it: tests only, which are skipped where npm is not to be had.
$(SARIF_SCHEMA): | $(VENV)/python.stamp
	@mkdir -p $(@D) $(VENV)/npm; \
	{ npm pack $(SARIF_PACKAGE) --silent --pack-destination $(VENV)/npm && \
	tar -xzf $(VENV)/npm/*.tgz -C $(VENV)/npm package/assets/$(@F) && cp $(VENV)/npm/package/assets/$(@F) $@; } \
		>$(VENV)/npm.log 2>&1 || echo "$(@F) cannot be had here ($(VENV)/npm.log)"

clean:
	rm -rf out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(VENV)
