# SPDX-License-Identifier: GPL-2.0-only
# What is made for Documentation from tables in the code: the schema of run.json, a page about it,
# and one about what a live run tells. make docs writes them, make check-figures compares them.

all_targets += $(O)/run-docs

$(O)/run-docs: $(O)/tools/dev/docs/main.o $(O)/libstallscope.a
	$(say) LD $@
	$(Q)$(CC) $(ldflags) -o $@ $^ $(host_libs)

.PHONY: docs check-figures
docs: $(O)/run-docs
	$(Q)$(O)/run-docs schema >$(O)/run.schema.json && cp $(O)/run.schema.json Documentation/run.schema.json
	$(Q)$(O)/run-docs page >$(O)/run-json.md && cp $(O)/run-json.md Documentation/run-json.md
	$(Q)$(O)/run-docs live >$(O)/live-json.md && cp $(O)/live-json.md Documentation/live-json.md

check-figures: $(O)/run-docs
	$(Q)for doc in schema:run.schema.json page:run-json.md live:live-json.md; do \
		$(O)/run-docs $${doc%:*} | cmp - Documentation/$${doc#*:} || \
			{ echo "Documentation/$${doc#*:} isn't what the tables of figures say: make docs" >&2; exit 1; }; \
	done

-include $(O)/tools/dev/docs/main.d
