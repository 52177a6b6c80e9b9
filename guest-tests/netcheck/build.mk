# SPDX-License-Identifier: GPL-2.0-only
# netcheck, a workload for network devices: static, as guests have no libraries.

netcheck_obj := $(patsubst %.c,$(O)/%.o,$(wildcard guest-tests/netcheck/*.c))

all_targets += $(O)/guest/netcheck

# A static program can't have a sanitizer's run-time library.
$(netcheck_obj) $(O)/guest/netcheck: SAN_FLAGS :=

$(O)/guest/netcheck: $(netcheck_obj)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -static -s -o $@ $^

# What it makes and checks can be tried anywhere.
$(O)/tests/test_frame: $(O)/guest-tests/netcheck/frame.o
$(O)/host/tests/guest/test_frame.o: cflags += -Iguest-tests/netcheck

-include $(netcheck_obj:.o=.d)
