# SPDX-License-Identifier: GPL-2.0-only
# Freestanding guests that the runner boots by PVH: no kernel, no interrupts
# but their own. They need nothing that a software KVM lacks (see start.S).

bare_progs := vmm
bare_cflags := -std=gnu11 -O2 -g $(warnings) -ffreestanding -fno-pic -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only -mno-red-zone \
	-Iinclude -Iguest-tests/bare -MMD -MP
bare_obj := $(patsubst %,$(O)/guest-tests/bare/%.o,start bare $(bare_progs))
bare_elf := $(bare_progs:%=$(O)/guest/bare/%.elf)

all_targets += $(bare_elf)

$(O)/guest-tests/bare/%.o: guest-tests/bare/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(bare_cflags) -c -o $@ $<

$(O)/guest-tests/bare/%.o: guest-tests/bare/%.S
	@mkdir -p $(@D)
	$(say) AS $<
	$(Q)$(CC) -MMD -MP -c -o $@ $<

$(O)/guest/bare/%.elf: $(O)/guest-tests/bare/%.o $(O)/guest-tests/bare/start.o \
		$(O)/guest-tests/bare/bare.o guest-tests/bare/bare.ld
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments \
		-Wl,-T,guest-tests/bare/bare.ld -o $@ $(filter %.o,$^)

# The tests that boot them.
$(O)/tests/test_vm_kvm: | $(bare_elf)

-include $(bare_obj:.o=.d)
