# SPDX-License-Identifier: GPL-2.0-only
# The test harness, linked as one object into every test program.

harness_src := $(wildcard tools/harness/ss_*.c)
harness_obj := $(filter-out $(O)/tools/harness/ss_harness.o,$(harness_src:%.c=$(O)/%.p.o))

$(O)/tools/harness/%.p.o: tools/harness/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/tools/harness/ss_harness.o: $(harness_obj)
	$(say) LD $@
	$(Q)$(CC) -nostdlib -r -o $@ $^

-include $(harness_obj:.o=.d)
