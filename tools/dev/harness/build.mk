# SPDX-License-Identifier: GPL-2.0-only
# The test harness, linked as one object into every test program; the runner,
# with what clears up after killed runs; and their own tests.

harness_src := $(wildcard tools/dev/harness/ss_*.c)
harness_obj := $(filter-out $(O)/tools/dev/harness/ss_harness.o,$(harness_src:%.c=$(O)/%.p.o))
runner_src := $(wildcard tools/dev/harness/run_*.c) tools/dev/harness/ktap.c tools/dev/harness/ss_clean.c
runner_obj := $(runner_src:%.c=$(O)/%.p.o)
harness_test_src := $(wildcard tools/dev/harness/tests/*.c)
harness_test_obj := $(harness_test_src:%.c=$(O)/%.p.o)
harness_tests := $(harness_test_src:tools/dev/harness/tests/%.c=$(O)/tests/%)

all_targets += $(O)/run_tests $(O)/tools/clear-runs $(harness_tests)

# ss_harness.o is the whole harness; its parts have another suffix.
$(O)/tools/dev/harness/%.p.o: cflags += -Itools/dev/harness
$(O)/tools/dev/harness/%.p.o: tools/dev/harness/%.c
	$(compile)

$(O)/gen/kernel_complaints.h: tools/dev/harness/kernel-complaints
	@mkdir -p $(@D)
	$(Q)sed -n '/^[^#]/s/.*/"&",/p' $< >$@

$(O)/tools/dev/harness/run_kmsg.p.o: | $(O)/gen/kernel_complaints.h

$(O)/tools/dev/harness/ss_harness.o: $(harness_obj)
	$(say) LD $@
	$(Q)$(CC) -nostdlib -r -o $@ $^

$(O)/run_tests: $(runner_obj)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^

$(O)/tools/clear-runs: $(O)/tools/dev/harness/clear-runs.p.o $(O)/libstallscope.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(host_libs)

$(harness_tests): $(O)/tests/%: $(O)/tools/dev/harness/tests/%.p.o $(O)/tools/dev/harness/ktap.p.o \
		$(O)/tools/dev/harness/ss_harness.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^

# Sanitizers slow everything down, and nothing in a Linux guest is sanitized.
time_scale := $(if $(findstring thread,$(SAN)),10,$(if $(SAN),4,1))
no_guests := $(if $(SAN),$(if $(SAN_GUESTS),,with sanitizers only if SAN_GUESTS=1 says so: emulated guests take long enough))

# make run_tests [TARGETS="device cli"] [T=name] [LIST=1] [J=2] [SHARD=2/8] [SAN=thread]
.PHONY: run_tests
run_tests: all
	@SS_TEST_TIME_SCALE="$${SS_TEST_TIME_SCALE:-$(time_scale)}" SS_NO_GUESTS='$(no_guests)' \
		GUEST_KERNEL='$(GUEST_KERNEL)' QEMU='$(QEMU)' $(O)/run_tests -b $(O) $(if $(LIST),-l) \
		$(if $(J),-j $(J)) $(if $(SHARD),-s $(SHARD)) $(foreach t,$(T),-t '$(t)') $(TARGETS)

.PHONY: kunit-check
kunit-check: all
	$(Q)SS_BUILD=$(abspath $(O)) tools/dev/harness/kunit-check

-include $(harness_obj:.o=.d) $(runner_obj:.o=.d) $(harness_test_obj:.o=.d) $(O)/tools/dev/harness/clear-runs.p.d

# Formatting: every clang-format from 14 on gives the same result here.
CLANG_FORMAT ?= $(firstword $(foreach v,19 18 17 16 15 14,$(shell command -v clang-format-$(v))) clang-format)
formatted = $(shell git ls-files '*.c' '*.h')

.PHONY: check-format format
check-format:
	$(Q)$(CLANG_FORMAT) --dry-run -Werror --ferror-limit=1 $(formatted)

format:
	$(Q)$(CLANG_FORMAT) -i $(formatted)
