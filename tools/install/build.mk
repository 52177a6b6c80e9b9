# SPDX-License-Identifier: GPL-2.0-only
# make install: the program, its manual, and what it starts.
# make gen_tar: the tests, for a machine without a compiler or the sources.

libexec := $(DESTDIR)$(PREFIX)/libexec/stallscope

# There tools/nested and what it needs lie to each other as in the source tree.
.PHONY: install uninstall
install: all
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(libexec)/tools/lib $(libexec)/guest
	$(Q)install -m 755 $(O)/stallscope $(DESTDIR)$(PREFIX)/bin/
	$(Q)install -m 644 Documentation/stallscope.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	$(Q)install -m 755 $(O)/stallscope-mkinitramfs $(O)/guest/agent tools/install/nested \
		$(O)/guest/scx_vtime $(O)/guest/netcheck $(libexec)/
	$(Q)install -m 755 tools/nested tools/get-kernel tools/get-qemu $(O)/tools/nested-run \
		$(O)/tools/btfcheck $(libexec)/tools/
	$(Q)install -m 644 tools/lib/*.sh $(libexec)/tools/lib/
	$(Q)install -m 755 tools/lib/extract-vmlinux $(libexec)/tools/lib/
	$(Q)install -m 755 $(O)/guest/nested-init $(libexec)/guest/

uninstall:
	$(Q)rm -rf $(libexec)
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/stallscope $(DESTDIR)$(PREFIX)/share/man/man1/stallscope.1

.PHONY: gen_tar
gen_tar: all
	$(Q)tools/install/pack $(O) $(VERSION) $(if $(GUEST),--guest)
