# SPDX-License-Identifier: GPL-2.0-only
# What runs in a guest.

# The guest has no shared libraries: the agent is static, its own code and the
# runner's frame parser.
agent_src := $(wildcard guest-tests/agent/*.c)
agent_obj := $(agent_src:%.c=$(O)/%.o) $(O)/guest-tests/agent/agent_link.o

all_targets += $(O)/guest/agent

$(O)/guest-tests/agent/agent_link.o: host/lib/agent_link.c
	$(compile)

# What loads the guest's programs; their tests do so, too.
tracer_obj := $(patsubst %,$(O)/guest-tests/agent/%.o,tracer tracer_load tracer_hists stream)

$(filter %/tracer.o %/tracer_load.o %/tracer_hists.o,$(tracer_obj)): $(O)/gen/guest_trace.skel.h

# A static program can't have a sanitizer's run-time library; a guest's counts would be lost.
$(agent_obj) $(O)/guest/agent: SAN_FLAGS :=

$(O)/guest/agent: $(agent_obj)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -static -s -o $@ $^ $(LIBBPF_LIBS)

# Of the agent, what can be tried outside a guest.
$(O)/tests/test_agent_words: $(O)/guest-tests/agent/kmsg.o
$(O)/tests/test_agent_stream: $(O)/guest-tests/agent/stream.o
$(O)/tests/test_agent_marks: $(O)/guest-tests/agent/marks.o

-include $(agent_obj:.o=.d)

include guest-tests/bare/build.mk
include guest-tests/netcheck/build.mk
