/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Histograms as they lie in BPF maps, for those who fill and who read them.
 */
#ifndef SS_HIST_H
#define SS_HIST_H

#include "ss_events.h"

struct ss_hist {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 slots[SS_HIST_SLOTS]; /* slot n: [2^n, 2^(n+1)) ns; 0 ns counts in slot 0 */
};

/* Run-queue delay of one guest task; key 0 holds those that ended after short waits. */
struct ss_task_hist {
	struct ss_hist delay;
	__u32 policy;
	__u32 pad;
	char comm[SS_COMM_LEN];
};

#endif /* SS_HIST_H */
