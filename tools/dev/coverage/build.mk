# SPDX-License-Identifier: GPL-2.0-only
# make coverage: the tests of the first two tiers in a build of its own that
# counts which lines run. It fails when a test does, or when a group of
# tools/dev/coverage/groups has fewer lines run than it must have.

coverage_dir := $(O)/coverage
coverage_make = $(MAKE) O=$(coverage_dir)/obj CC=$(COVERAGE_CC) CFLAGS='-O0 -g' COVERAGE=1
# gcov reads the notes of the compiler it came with.
COVERAGE_CC ?= gcc
COVERAGE_GCOV ?= $(subst gcc,gcov,$(COVERAGE_CC))
COVERAGE_TARGETS ?= device bpf kvm core

.PHONY: coverage
coverage:
	$(Q)$(coverage_make) all
	$(Q)find $(coverage_dir)/obj -name '*.gcda' -delete
	$(Q)rc=0; export SS_TEST_TIME_SCALE="$${SS_TEST_TIME_SCALE:-4}"; \
	$(coverage_make) GUEST_KERNEL= TARGETS='$(COVERAGE_TARGETS)' run_tests || rc=1; \
	tools/dev/coverage/report $(coverage_dir)/obj $(coverage_dir) $(COVERAGE_GCOV) || rc=1; \
	echo "line by line: $(coverage_dir)/html/index.html"; exit $$rc
