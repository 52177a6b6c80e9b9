// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program has but the probes of a stall: the rest must be named as missing.
 */
#include "ss_probes.h"
#include "trace_util.h"

TEST(missing_probes, .title = "what can't be traced is said, with what a report can't tell")
{
	struct trace_config cfg = { .irq = true };
	static struct kept kept;
	struct trace *t = open_or_skip(&cfg);
	unsigned int i, drain = 0;

	for (i = 0; trace_missing(t, i); i++) {
		EXPECT_STRSTR(trace_missing(t, i), ";");
		EXPECT_NULL(strstr(trace_missing(t, i), "probe stall_"));
		if (strstr(trace_missing(t, i), "probe drain_end: not there"))
			drain++;
	}
	EXPECT_EQ(drain, 1);
	EXPECT_EQ(i, 8);
	EXPECT_NULL(trace_missing(t, i + 100));
	ss_probe_stall_begin(0, 0, 0, SS_BUCKET_OPS, 1ULL, 1000ULL);
	ss_probe_stall_end(0, 0, 0, 1);
	EXPECT_EQ(trace_poll(t, keep, &kept), 2);
	trace_close(t);
}

TEST_HARNESS_MAIN
