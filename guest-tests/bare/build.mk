# SPDX-License-Identifier: GPL-2.0-only
# Freestanding guests that the runner boots by PVH: no kernel, no interrupts
# but their own. They need nothing that a software KVM lacks (see start.S).

# vmm runs in ring 0; the others, which drive devices, in ring 3 with the test
# harness (user.c, harness.c), each of several sources.
bare_user_src := ring3.S user.c harness.c vio.c
bare_src_vmm := vmm.c
bare_src_blk := $(bare_user_src) disk.c $(notdir $(wildcard guest-tests/bare/blk_*.c))
bare_src_net := $(bare_user_src) $(notdir $(wildcard guest-tests/bare/net_*.c))
bare_progs := $(patsubst bare_src_%,%,$(filter bare_src_%,$(.VARIABLES)))
bare_cflags := -std=gnu11 -O2 -g $(warnings) -ffreestanding -fno-strict-aliasing -fno-pic -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only -mno-red-zone \
	-Iinclude -Iguest-tests/bare -Itools/dev/harness -MMD -MP
bare_objs = $(patsubst %,$(O)/guest-tests/bare/%.o,start bare $(basename $(1)))
bare_obj := $(sort $(call bare_objs,$(foreach p,$(bare_progs),$(bare_src_$(p)))))
bare_elf := $(bare_progs:%=$(O)/guest/bare/%.elf)

all_targets += $(bare_elf)

$(O)/guest-tests/bare/%.o: cflags = $(bare_cflags)

$(O)/guest-tests/bare/%.o: guest-tests/bare/%.S
	@mkdir -p $(@D)
	$(say) AS $<
	$(Q)$(CC) -MMD -MP -c -o $@ $<

$(foreach p,$(bare_progs),$(eval $(O)/guest/bare/$(p).elf: $(call bare_objs,$(bare_src_$(p)))))
$(bare_elf): guest-tests/bare/bare.ld
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments \
		-Wl,-T,guest-tests/bare/bare.ld -o $@ $(filter %.o,$^)

# The tests that boot them.
$(O)/tests/test_vm_kvm: | $(O)/guest/bare/vmm.elf
$(filter $(O)/tests/test_kvm_%,$(host_tests)): | $(bare_elf)

-include $(bare_obj:.o=.d)
