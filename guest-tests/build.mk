# SPDX-License-Identifier: GPL-2.0-only
# What runs in a guest, and the initramfs maker that packs it.

mki_src := $(wildcard tools/initramfs/*.c)
mki_obj := $(mki_src:%.c=$(O)/%.o)

all_targets += $(O)/stallscope-mkinitramfs

$(O)/tools/initramfs/%.o: tools/initramfs/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(cflags) -c -o $@ $<

$(O)/stallscope-mkinitramfs: $(mki_obj) $(O)/host/log.o $(O)/host/opts.o
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -larchive -lelf

-include $(mki_obj:.o=.d)
