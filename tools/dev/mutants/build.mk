# SPDX-License-Identifier: GPL-2.0-only
# make mutants [M="name..."] [J=2]: small faults, put into a copy of the tree one
# at a time; each has to be noticed by a test. make mutants-check: all still fit?

mutants_obj := $(patsubst tools/dev/mutants/%.c,$(O)/tools/dev/mutants/%.o,$(wildcard tools/dev/mutants/*.c))

all_targets += $(O)/run_mutants

$(O)/tools/dev/mutants/%.o: cflags += -Itools/dev/harness
$(O)/run_mutants: $(mutants_obj) $(O)/tools/dev/harness/ss_clean.p.o
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^

.PHONY: mutants mutants-check
mutants: $(O)/run_mutants
	$(Q)$(O)/run_mutants -b $(O) $(if $(J),-j $(J)) $(foreach m,$(M),'$(m)')

mutants-check: $(O)/run_mutants
	$(Q)$(O)/run_mutants -n

-include $(mutants_obj:.o=.d)
