# SPDX-License-Identifier: GPL-2.0-only
# The runner, its library and its unit tests.

# The rooms, from what is typed down to what everyone uses; which may include which
# is in host/rooms.
host_rooms := cli run live doctor trace report analysis vm qemu virtio io lib
host_src := $(wildcard $(host_rooms:%=host/%/*.c))
host_obj := $(host_src:%.c=$(O)/%.o)
host_lib_obj := $(filter-out $(O)/host/cli/main.o,$(host_obj))
host_test_src := $(wildcard host/tests/*/test_*.c)
host_test_obj := $(host_test_src:%.c=$(O)/%.o)
host_tests := $(patsubst %.c,$(O)/tests/%,$(notdir $(host_test_src)))
host_test_lib_obj := $(patsubst %.c,$(O)/%.o,$(filter-out $(host_test_src),$(wildcard host/tests/*/*.c)))
# Calls that host/tests/mock/faults.c can let fail.
fault_calls := malloc calloc realloc eventfd timerfd_create epoll_create1 epoll_ctl pthread_create open \
	fallocate fdatasync ioctl pwrite pwritev write
fault_flags := $(fault_calls:%=-Wl$(comma)--wrap=%)
host_libs = $(LIBBPF_LIBS) -ljansson -l:liburing.a -lm

all_targets += $(O)/stallscope $(host_tests)

$(O)/host/tests/%.o: cflags += -Itools/dev/harness -Ihost/tests/mock -I.

# Objects that use a skeleton wait for it.
$(filter $(O)/host/trace/%,$(host_obj)): | $(O)/gen/host_trace.skel.h

$(O)/libstallscope.a: $(host_lib_obj)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/stallscope: $(O)/host/cli/main.o $(O)/libstallscope.a
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(host_libs)

# Each test by its own name, whatever room it is in.
$(foreach o,$(host_test_obj),$(eval $(O)/tests/$(basename $(notdir $(o))): $(o)))
$(host_tests): $(host_test_lib_obj) $(O)/libstallscope.a $(O)/tools/dev/harness/ss_harness.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) $(fault_flags) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(host_libs)

# What the kernel tells of a program, as that test makes it up.
$(O)/tests/test_trace_counters: private ldflags += -Wl,--wrap=bpf_prog_get_info_by_fd

-include $(host_obj:.o=.d) $(host_test_obj:.o=.d) $(host_test_lib_obj:.o=.d)
.SECONDARY:

# Which room includes which: host/rooms.
.PHONY: check-rooms
check-rooms:
	$(Q)tools/dev/check-rooms
