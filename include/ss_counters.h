/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices' counters: one layout for the device, the BPF map that bpftool
 * prints by name, and the report.
 *
 * Three kinds of figure live in the block device's:
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

/*
 * Network device counters: what became of each frame. All are events but the
 * packets and bytes, which are requests; packets and their bytes move together,
 * and no header counts in bytes. All start at 0, none is zeroed by a reset.
 *
 * Of the chains that the device takes from TX, each moves exactly one of
 *	tx_packets (the guest sees it completed), tx_chain_invalid,
 *	tx_oversize_dropped, tx_add_used_failures (it can't be handed back).
 * A frame that passes the gates is accepted, and moves exactly one of
 *	rx_packets (the guest sees it in RX), tx_dropped_no_rx_buffer,
 *	tx_dropped_rx_poisoned, rx_chain_invalid, rx_write_failed,
 *	rx_add_used_failures
 * as well, before its TX chain is handed back. So the first four add up to the
 * chains taken, the other six to the frames accepted; and tx_packets falls
 * short of the six by those of tx_add_used_failures that were accepted: none
 * while the TX ring is whole. invalid_avail_idx_count counts poisoned queues,
 * no frames.
 */
struct ss_net_counters {
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_chain_invalid;
	__u64 tx_oversize_dropped;
	__u64 tx_dropped_no_rx_buffer;
	__u64 tx_dropped_rx_poisoned;
	__u64 rx_chain_invalid;
	__u64 rx_write_failed;
	__u64 tx_add_used_failures;
	__u64 rx_add_used_failures;
	__u64 invalid_avail_idx_count;
};

/* A network device's throttle: stalls of TX, and whether it's stalled now. */
struct ss_net_pressure {
	__u64 throttled_count;
	__u64 currently_throttled_gauge;
};

#define SS_MAX_NETS 4

#endif /* SS_COUNTERS_H */
