# SPDX-License-Identifier: GPL-2.0-only
# make gen_tar: the tests, for a machine without a compiler or the sources.

.PHONY: gen_tar
gen_tar: all
	$(Q)tools/dev/tarball/pack $(O) $(VERSION) $(if $(GUEST),--guest)
