/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a disk's requests spent their time, as the device itself measures it:
 * histograms with log2 buckets beside the counters, there without any tracing.
 */
#ifndef SS_LATENCY_H
#define SS_LATENCY_H

#include "ss_hist.h"

/*
 * struct ss_blk_lat - latencies of the requests that got through the gates
 * @queue: first seen in the ring until granted, stalls included
 * @stall: stalled at the head of the queue until granted; only those that were
 * @backing: granted until done, a profile's added latency included
 */
struct ss_blk_lat {
	struct ss_hist queue;
	struct ss_hist stall;
	struct ss_hist backing;
};

#endif /* SS_LATENCY_H */
