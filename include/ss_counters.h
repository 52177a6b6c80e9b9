/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Block device counters: one layout for the device, the BPF map that bpftool
 * prints by name, and the report.
 *
 * Three kinds of figure live here:
 *  - requests: *_completed and bytes_* count finished requests and the data
 *    they moved; a completion and its bytes move together. A discard or a
 *    write-zeroes request counts in its own field alone: no data is moved;
 *  - events: throttled_count, io_errors, invalid_avail_idx_count and
 *    chains_dropped count occurrences; one hostile request may cause two;
 *  - a live gauge: currently_throttled_gauge, queues stalled right now.
 * All start at 0, none is zeroed by a device reset.
 */
#ifndef SS_COUNTERS_H
#define SS_COUNTERS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct ss_blk_counters {
	__u64 reads_completed;
	__u64 writes_completed;
	__u64 flushes_completed;
	__u64 bytes_read;
	__u64 bytes_written;
	__u64 throttled_count;
	__u64 io_errors;
	__u64 currently_throttled_gauge;
	__u64 invalid_avail_idx_count;
	__u64 chains_dropped;
	__u64 discards_completed;
	__u64 write_zeroes_completed;
};

#define SS_MAX_DISKS 8

#endif /* SS_COUNTERS_H */
