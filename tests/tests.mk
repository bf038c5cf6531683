# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tests.  A unit test is one program per source it mirrors; it links the objects of
# its side without main.o.  Built in build/check/ (sanitizers), run by tests/run.

UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
# Built for another processor they are in build/check-ARCH/, without sanitizers, and run
# under an emulator: tests/qemu.
C := $(if $(filter tsan,$(VARIANT)),build/tsan,build/check$(CROSS:%=-%))
UNIT_BIN := $(UNIT_SRC:%.c=$(C)/%)
TEST_LIB_OBJ := $(patsubst %.c,$(C)/%.o,$(wildcard tests/lib/*.c))
TEST_LIB_CONTROLLER_OBJ := $(patsubst %.c,$(C)/%.o,$(wildcard tests/lib/controller/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c tests/fuzz/controller/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=build/fuzz/%)
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)
OURS := $(wildcard proto/*.[ch] proto/base/*.[ch] agent/*.[ch] agent/*/*.[ch] \
	agent/*/*/*.[ch] \
	controller/*.[ch] controller/*/*.[ch] \
	controller/*/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
SCRIPTS := $(shell grep -lsE '^\#!(/bin/|/usr/bin/env )(ba|da)?sh' .ci/run $(wildcard tests/* \
	tests/*/* controller/*/* agent/*/*) 2>/dev/null)

ifneq ($(filter check check-% tsan,$(VARIANT)),)
$(C)/tests/unit/base/%: $(C)/tests/unit/base/%.o $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(COMMON_LDLIBS)
$(C)/tests/unit/proto/%: $(C)/tests/unit/proto/%.o $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(COMMON_LDLIBS)
$(C)/tests/unit/agent/%: $(C)/tests/unit/agent/%.o $(TEST_LIB_OBJ) $(AGENT_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(AGENT_LDLIBS)
$(C)/tests/unit/controller/%: $(C)/tests/unit/controller/%.o $(TEST_LIB_CONTROLLER_OBJ) \
		$(CONTROLLER_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(CONTROLLER_LDLIBS) $(COMMON_LDLIBS)
$(C)/tests/fault/steps: $(C)/tests/fault/steps.o $(AGENT_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(AGENT_LDLIBS)
.PRECIOUS: $(O)/%.o
.PHONY: check-build check-build-agent
check-build: all $(UNIT_BIN) $(C)/tests/fault/steps
check-build-agent: kferryd $(filter-out $(C)/tests/unit/controller/%,$(UNIT_BIN))
endif

ifeq ($(VARIANT),fuzz)
build/fuzz/tests/fuzz/%: build/fuzz/tests/fuzz/%.o $(AGENT_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(AGENT_LDLIBS)
build/fuzz/tests/fuzz/controller/%: build/fuzz/tests/fuzz/controller/%.o \
		$(CONTROLLER_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(CONTROLLER_LDLIBS) $(COMMON_LDLIBS)
.PHONY: fuzz-build
fuzz-build: $(FUZZ_BIN)
endif

# What several threads share: the modules made for it, and whole calls with many boards.
TSAN_UNITS := $(patsubst %,build/tsan/tests/unit/controller/test_%,arrival fleet from_file parcel \
	record)
.PHONY: check-tsan tsan-build
tsan-build: build/tsan/kferry $(TSAN_UNITS)
check-tsan:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) VARIANT=check WERROR=1 kferryd
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 kferry
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) VARIANT=tsan WERROR=1 tsan-build
	$(Q)for t in $(TSAN_UNITS); do $$t || exit 1; done
	$(Q)KF_BUILD=$(CURDIR)/build/tsan KFERRYD=$(CURDIR)/build/check/kferryd \
		tests/integration/test_many.py

.PHONY: deps deps-check check check-fast check-long fuzz-smoke format format-check lint demo
deps:
	$(Q)tests/lab/deps.sh build
deps-check:
	$(Q)tests/lab/deps.sh check

check: deps-check
	$(Q)$(MAKE) --no-print-directory check-run LEVEL=full
check-long: deps-check
	$(Q)$(MAKE) --no-print-directory check-run LEVEL=long
check-fast:
	$(Q)$(MAKE) --no-print-directory check-run LEVEL=fast

# Agents for other processors are built by the tests that need them: what a mirror does not
# have today is no reason to run none.
.PHONY: check-run
check-run: format-check lint
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 all agent-static
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) VARIANT=check WERROR=1 check-build
	$(Q)tests/run $(LEVEL)

fuzz-smoke:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) VARIANT=fuzz fuzz-build
	$(Q)tests/fuzz/smoke.sh $(FUZZ_SECONDS)

format:
	$(Q)clang-format -i $(OURS)
format-check:
	$(Q)clang-format --dry-run -Werror $(OURS)
lint:
	$(Q)tests/lint.sh
	$(Q)shellcheck -x $(SCRIPTS)

demo:
	$(Q)tests/lab/demo.sh

# --- figures ---------------------------------------------------------------------------

# Times, bytes and memory against other tools: nothing here is a test.  docs/PERFORMANCE.md
ROWS ?=
.PHONY: bench bench-deps bench-check bench-baseline bench-programs
bench: bench-deps
	$(Q)$(MAKE) --no-print-directory all agent-static
	$(Q)tests/bench/bench.py $(ROWS)
bench-deps:
	$(Q)tests/lab/deps.sh bench

# Instructions of the hot paths, which are the same however busy the machine is.  Optimised
# as a release is; programs of build/bench/.
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_PRELOAD := tests/bench/as_arm64.c
BENCH_BIN := $(patsubst %.c,build/bench/%,$(filter-out $(BENCH_PRELOAD),$(BENCH_SRC)))
ifeq ($(VARIANT),bench)
build/bench/tests/bench/%: build/bench/tests/bench/%.o $(CONTROLLER_LIB_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(CONTROLLER_LDLIBS) $(COMMON_LDLIBS)
.PRECIOUS: $(O)/%.o
bench-build: $(BENCH_BIN)
endif
bench-programs: bench-deps
	$(Q)$(MAKE) --no-print-directory VARIANT=bench bench-build
bench-check: bench-programs
	$(Q)tests/bench/check.py $(BENCH_BIN) || [ $$? -eq 77 ]
bench-baseline: bench-programs
	$(Q)tests/bench/check.py --baseline $(BENCH_BIN)
