# SPDX-License-Identifier: GPL-2.0-only
# The kernel checker, what clears up after killed runs, the two halves of tools/nested.

nested_run_obj := $(patsubst %,$(O)/tools/nested-vm/%.o,main session machine klog)

all_targets += $(O)/tools/btfcheck $(O)/tools/clear-runs $(O)/tools/nested-run $(O)/guest/nested-init $(O)/nested

$(O)/tools/btfcheck.o: tools/btfcheck.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/tools/btfcheck: $(O)/tools/btfcheck.o $(O)/host/trace/btf_check.o
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(LIBBPF_LIBS)

$(O)/tools/clear-runs.o: tools/clear-runs.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/tools/clear-runs: $(O)/tools/clear-runs.o $(O)/libstallscope.a
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(host_libs)

$(O)/tools/nested-vm/%.o: tools/nested-vm/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/tools/nested-vm/klog.o: cflags += -Itools/harness
$(O)/tools/nested-vm/klog.o: | $(O)/gen/kernel_complaints.h

$(O)/tools/nested-run: $(nested_run_obj)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^

# Static, and without sanitizers: it is the first process of the emulated machine.
$(O)/guest/nested-init: tools/nested-vm/init.c tools/nested-vm/proto.h
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) -std=gnu11 $(warnings) -D_GNU_SOURCE $(CFLAGS) -static -o $@ $<

# Where the runner looks for it, whatever directory is built in.
$(O)/nested: tools/build.mk
	$(Q)printf '#!/bin/sh\nSTALLSCOPE_BUILD=%s exec %s/tools/nested "$$@"\n' \
		'$(abspath $(O))' '$(CURDIR)' >$@ && chmod +x $@

-include $(O)/tools/btfcheck.d $(O)/tools/clear-runs.d $(nested_run_obj:.o=.d)
