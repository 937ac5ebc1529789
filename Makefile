# SPDX-License-Identifier: Apache-2.0
# The few commands to know; meson does the work. `make help` lists them.

# Folder of this file; may hold spaces, so it is always quoted.
ROOT := $(shell dirname "$$(echo '$(MAKEFILE_LIST)' | cut -c2-)")
BUILD := build
PREFIX ?= /usr/local
DESTDIR ?=

.DEFAULT_GOAL := build
.PHONY: help run test build install uninstall deb battery bench peers chaos soak fuzz differential simulate clean deps format-check

help:
	@echo 'make run            build, and show an example chain at work'
	@echo 'make test           every test, with and without sanitizers'
	@echo 'make build          build into $(BUILD)/'
	@echo 'make install        [PREFIX=/usr/local] [DESTDIR=]'
	@echo 'make uninstall      the same in reverse'
	@echo 'make deb            build a Debian package'
	@echo 'make fuzz           [FUZZ_SECONDS=60] [FUZZ=TARGET] search with the fuzz targets'
	@echo 'make differential   the kernel program beside its model: 10^8 sends, 10^8 forged ones'
	@echo 'make simulate       [SCHEDULES=1000000] [SEED=] [FAULTS=percent] the gateway, any order of events'
	@echo 'make bench          measure, and fail when a promised figure is missed'
	@echo 'make peers          install and build also what the bench compares with: nginx, gRPC'
	@echo 'make battery        what HTTP clients may not do: against Sprocket, nginx, haproxy, h2o'
	@echo 'make chaos          faults under load: kill, stop, flood, exhaust; ARGS=--help tells more'
	@echo 'make soak           the same for an hour: nothing may grow'
	@echo 'make format-check   code that clang-format would change'
	@echo 'make deps           install missing packages (the others do so first; SKIP_DEPS=1: not)'
	@echo 'make clean          remove what was built'

deps:
	@[ -n "$(SKIP_DEPS)" ] || "$(ROOT)/tools/deps"

build: deps
	@# One at a time: two makes may run at once, ninja in one folder may not.
	@cd "$(ROOT)" && flock . sh -c \
		'{ [ -e $(BUILD)/build.ninja ] || meson setup $(BUILD); } && ninja -C $(BUILD)'

run: build
	@cd "$(ROOT)" && functions/examples/parking/run-demo $(BUILD)

test: deps
	@cd "$(ROOT)" && tests/run-suite

# 20 minutes on two cores; BATCHES=10000000 FORGED=1 is what `make test` does. SEED=N: once more.
BATCHES ?= 100000000
FORGED ?= 100000000
differential: build
	@cd "$(ROOT)" && $(BUILD)/tests/bpf_differential batches=$(BATCHES) forged=$(FORGED) \
		$(if $(SEED),seed=$(SEED))

fuzz: deps
	@cd "$(ROOT)" && FUZZ_SECONDS="$(or $(FUZZ_SECONDS),60)" FUZZ="$(FUZZ)" tests/fuzz/run

simulate: build
	@cd "$(ROOT)" && $(BUILD)/tests/sim/simulate --schedules $(or $(SCHEDULES),1000000) \
		$(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS))

bench: build
	@cd "$(ROOT)" && bench/figures $(BUILD)

chaos: build
	@cd "$(ROOT)" && tests/chaos/chaos.py --build $(BUILD) $(ARGS)

soak: build
	@cd "$(ROOT)" && tests/chaos/chaos.py soak --build $(BUILD) $(ARGS)

# What is built of bench/baselines depends on what meson finds: it must look again.
peers: deps
	@[ -n "$(SKIP_DEPS)" ] || "$(ROOT)/tools/deps" --idle bench/baselines/packages.txt
	@cd "$(ROOT)" && flock . sh -c \
		'if [ -e $(BUILD)/build.ninja ]; then meson setup --reconfigure $(BUILD); \
		 else meson setup $(BUILD); fi && ninja -C $(BUILD)'

battery: build
	@[ -n "$(SKIP_DEPS)" ] || "$(ROOT)/tools/deps" --idle tests/http/packages.txt
	@cd "$(ROOT)" && SPROCKET_BUILD="$$PWD/$(BUILD)" tests/http/run -v

install: build
	cd "$(ROOT)" && meson configure $(BUILD) -Dprefix="$(PREFIX)"
	cd "$(ROOT)" && DESTDIR="$(DESTDIR)" meson install -C $(BUILD)
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

# A dry run writes down what an installation there consists of; ninja removes that.
uninstall:
	cd "$(ROOT)" && meson configure $(BUILD) -Dprefix="$(PREFIX)"
	@cd "$(ROOT)" && DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild --dry-run >/dev/null
	cd "$(ROOT)" && ninja -C $(BUILD) uninstall
	@for folder in libexec share; do \
		folder="$(DESTDIR)$(PREFIX)/$$folder/sprocket"; \
		[ ! -d "$$folder" ] || find "$$folder" -depth -type d -empty -delete; \
	done
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

deb: deps
	@cd "$(ROOT)" && flock . deploy/debian/build-deb $(BUILD)-deb

format-check:
	@cd "$(ROOT)" && git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run --Werror

clean:
	cd "$(ROOT)" && rm -rf $(BUILD) $(BUILD)-deb build-asan build-tsan build-fuzz
