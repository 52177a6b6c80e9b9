# SPDX-License-Identifier: GPL-2.0-only
# BPF objects, their skeletons, and the scheduler programs for the guest.

bpf_cflags = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -fms-extensions \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations \
	-Wno-microsoft-anon-tag -Wno-sign-compare -Iinclude -I$(VMLINUX_H_DIR) $(LIBBPF_CFLAGS) \
	-idirafter /usr/include/x86_64-linux-gnu -MMD -MP

bpf_src := $(wildcard bpf/trace/*.bpf.c bpf/scx/*.bpf.c)
bpf_skel := $(patsubst %.bpf.c,$(O)/gen/%.skel.h,$(notdir $(bpf_src)))

# Loaders run in the guest, which has no shared libraries: static.
scx_programs := $(O)/guest/scx_vtime $(O)/guest/scx_bad

all_targets += $(bpf_skel) $(scx_programs)

# Static programs can't have sanitizers, and none of the guest's is counted for
# coverage; test_bpf shares the harness's objects, which are.
$(scx_programs): SAN_FLAGS :=
ifeq ($(SAN)$(COVERAGE),)
  all_targets += $(O)/guest/test_bpf
endif

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG_BPF) $(bpf_cflags) -c -o $@ $<

# bpftool's link step strips the DWARF and leaves the BTF.
$(foreach s,$(bpf_src),$(eval $(O)/gen/$(notdir $(s:.bpf.c=.skel.h)): $(O)/$(s:.c=.o)))
$(bpf_skel): $(O)/gen/%.skel.h:
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen object $(O)/bpf/$*.linked.o $<
	$(Q)$(BPFTOOL) gen skeleton $(O)/bpf/$*.linked.o name $*_bpf >$@

$(scx_programs:$(O)/guest/%=$(O)/bpf/scx/%.o): $(O)/bpf/scx/%.o: $(O)/gen/%.skel.h

$(O)/guest/scx_%: $(O)/bpf/scx/scx_%.o $(O)/bpf/scx/scx_loader.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -static -s -o $@ $^ $(LIBBPF_LIBS)

# The tests of the guest's programs, themselves for the guest.
test_bpf_obj := $(patsubst %,$(O)/bpf/tests/%.o,test_guest_bpf test_guest_stream test_guest_wakes \
	test_guest_faults guest_stream guest_sched)
$(test_bpf_obj): cflags += -Itools/dev/harness -Iguest-tests

test_bpf_obj += $(patsubst %,$(O)/guest-tests/agent/%.o,tracer tracer_load tracer_hists stream)

$(O)/guest/test_bpf: $(test_bpf_obj) $(O)/tools/dev/harness/ss_harness.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -static -s -o $@ $^ $(LIBBPF_LIBS)

-include $(test_bpf_obj:.o=.d)
-include $(patsubst %.c,$(O)/%.d,$(wildcard bpf/scx/scx_*.c))
-include $(bpf_src:%.c=$(O)/%.d)
