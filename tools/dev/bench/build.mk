# SPDX-License-Identifier: GPL-2.0-only
# make bench: the devices beside the limits of the machine.

bench_obj := $(patsubst tools/dev/bench/%.c,$(O)/tools/dev/bench/%.o,$(wildcard tools/dev/bench/*.c))
BENCH_TMPFS ?= /dev/shm

all_targets += $(O)/bench

$(O)/tools/dev/bench/%.o: cflags += -Ihost/tests/mock

$(O)/bench: $(bench_obj) $(O)/host/tests/mock/mock_guest.o $(O)/libstallscope.a
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(host_libs)

# BENCH_STRICT=1 fails when a target is missed.
.PHONY: bench
bench: $(O)/bench
	$(if $(SAN),$(error make bench measures nothing useful with SAN=$(SAN)))
	$(Q)BENCH_STRICT=$(BENCH_STRICT) timeout 120 $(O)/bench $(BENCH_TMPFS) $(O) $(O)/bench.json

-include $(bench_obj:.o=.d)
