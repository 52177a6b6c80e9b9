# SPDX-License-Identifier: GPL-2.0-only
# What runs in a guest, and the initramfs maker that packs it.

mki_src := $(wildcard tools/initramfs/*.c)
mki_obj := $(mki_src:%.c=$(O)/%.o)

# The guest has no shared libraries: the agent is static, its own code and the
# runner's frame parser.
agent_src := $(wildcard guest-tests/agent/*.c)
agent_obj := $(agent_src:%.c=$(O)/%.o) $(O)/guest-tests/agent/agent_link.o

all_targets += $(O)/stallscope-mkinitramfs $(O)/guest/agent

$(O)/tools/initramfs/%.o: tools/initramfs/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/stallscope-mkinitramfs: $(mki_obj) $(O)/host/lib/log.o $(O)/host/lib/opts.o
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -larchive -lelf

$(O)/guest-tests/agent/%.o: guest-tests/agent/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/guest-tests/agent/agent_link.o: host/lib/agent_link.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/guest-tests/agent/tracer.o: $(O)/gen/guest_trace.skel.h

# A static program can't have a sanitizer's run-time library; a guest's counts would be lost.
$(agent_obj) $(O)/guest/agent: SAN_FLAGS :=

$(O)/guest/agent: $(agent_obj)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -static -s -o $@ $^ $(LIBBPF_LIBS)

# The maker is tested as a program; its shell scanner, by the word.
$(O)/tests/test_initramfs: | $(O)/stallscope-mkinitramfs
$(O)/tests/test_initramfs_shell: $(O)/tools/initramfs/shell.o $(O)/tools/initramfs/util.o
$(O)/tests/test_initramfs_shell: host_libs += -larchive

# Of the agent, what can be tried outside a guest.
$(O)/tests/test_agent_words: $(O)/guest-tests/agent/kmsg.o

-include $(mki_obj:.o=.d) $(agent_obj:.o=.d)

include guest-tests/bare/build.mk
include guest-tests/netcheck/build.mk
