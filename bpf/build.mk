# SPDX-License-Identifier: GPL-2.0-only
# BPF objects, their skeletons, and the scheduler programs for the guest.

bpf_cflags = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -fms-extensions \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations \
	-Wno-microsoft-anon-tag -Wno-sign-compare -Iinclude -Ibpf -I$(VMLINUX_H_DIR) $(LIBBPF_CFLAGS) \
	-idirafter /usr/include/x86_64-linux-gnu -MMD -MP

bpf_src := $(wildcard bpf/*.bpf.c)
bpf_skel := $(patsubst bpf/%.bpf.c,$(O)/gen/%.skel.h,$(bpf_src))

all_targets += $(bpf_skel)

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG_BPF) $(bpf_cflags) -c -o $@ $<

# bpftool's link step strips the DWARF and leaves the BTF.
$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen object $(O)/bpf/$*.linked.o $<
	$(Q)$(BPFTOOL) gen skeleton $(O)/bpf/$*.linked.o name $*_bpf >$@

-include $(bpf_src:%.c=$(O)/%.d)
