# SPDX-License-Identifier: GPL-2.0-only
# What the runner starts: the initramfs maker, the two halves of nested, the
# kernel checker; and make install, which makes this folder tools/ of its libexec.

mki_obj := $(patsubst %.c,$(O)/%.o,$(wildcard tools/run/initramfs/*.c))
nested_run_obj := $(patsubst %,$(O)/tools/run/nested-vm/%.o,main boot machine klog)

all_targets += $(O)/stallscope-mkinitramfs $(O)/tools/btfcheck $(O)/tools/nested-run $(O)/guest/nested-init $(O)/nested

$(O)/stallscope-mkinitramfs: $(mki_obj) $(O)/host/lib/log.o $(O)/host/lib/text.o $(O)/host/lib/number.o $(O)/host/lib/opts.o
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ -larchive -lelf

$(O)/tools/btfcheck: $(O)/tools/run/btfcheck.o $(O)/host/trace/btf_check.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(LIBBPF_LIBS)

$(O)/tools/run/nested-vm/klog.o: cflags += -Itools/dev/harness
$(O)/tools/run/nested-vm/klog.o: | $(O)/gen/kernel_complaints.h

$(O)/tools/nested-run: $(nested_run_obj) $(O)/host/lib/interrupt.o $(O)/host/lib/number.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^

# Static, and without sanitizers: it is the first process of the emulated machine.
$(O)/guest/nested-init: tools/run/nested-vm/init.c tools/run/nested-vm/proto.h
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) -std=gnu11 $(warnings) -D_GNU_SOURCE $(CFLAGS) -static -o $@ $<

# Where the runner looks for it, whatever directory is built in.
$(O)/nested: tools/run/build.mk
	$(Q)printf '#!/bin/sh\nSTALLSCOPE_BUILD=%s exec %s/tools/run/nested "$$@"\n' \
		'$(abspath $(O))' '$(CURDIR)' >$@ && chmod +x $@

# The maker is tested as a program; its shell scanner, by the word.
$(O)/tests/test_initramfs: | $(O)/stallscope-mkinitramfs
$(O)/tests/test_initramfs_shell: $(O)/tools/run/initramfs/shell.o $(O)/tools/run/initramfs/util.o
$(O)/tests/test_initramfs_shell: host_libs += -larchive

-include $(mki_obj:.o=.d) $(nested_run_obj:.o=.d) $(O)/tools/run/btfcheck.d

# make install: the program, its manual, and what it starts.
libexec := $(DESTDIR)$(PREFIX)/libexec/stallscope

.PHONY: install uninstall
install: all
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(libexec)/tools/lib $(libexec)/guest
	$(Q)install -m 755 $(O)/stallscope $(DESTDIR)$(PREFIX)/bin/
	$(Q)install -m 644 Documentation/stallscope.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	$(Q)install -m 755 $(O)/stallscope-mkinitramfs $(O)/guest/agent $(O)/guest/scx_vtime \
		$(O)/guest/netcheck $(libexec)/
	$(Q)install -m 755 tools/run/nested.installed $(libexec)/nested
	$(Q)install -m 755 tools/run/nested tools/run/get-kernel tools/run/get-qemu $(O)/tools/nested-run \
		$(O)/tools/btfcheck $(libexec)/tools/
	$(Q)install -m 644 tools/run/lib/*.sh $(libexec)/tools/lib/
	$(Q)install -m 755 tools/run/lib/extract-vmlinux $(libexec)/tools/lib/
	$(Q)install -m 755 $(O)/guest/nested-init $(libexec)/guest/

uninstall:
	$(Q)rm -rf $(libexec)
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/stallscope $(DESTDIR)$(PREFIX)/share/man/man1/stallscope.1
