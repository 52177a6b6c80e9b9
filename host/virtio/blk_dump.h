/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk at a glance: everything there is to say of it, in a plain struct. */
#ifndef SS_VIRTIO_BLK_DUMP_H
#define SS_VIRTIO_BLK_DUMP_H

#include "virtio/blk.h"

/**
 * struct blk_queue_dump - one queue
 * @worker: its thread, 0: it doesn't run
 * @stalled_since_ns: when its head was first refused, 0: not stalled
 * @held: completions that the profile keeps back
 *
 * The rest only if the dump is @consistent:
 * @ready: @size: @desc: @avail: @used: @event_idx: @indirect: as set up
 * @poison: why it is poisoned, NULL: it isn't
 * @next_avail: @next_used: the device's cursors
 * @stall_head: descriptor of the stalled head
 * @deadline_ns: when it is tried again, 0: not stalled
 * @mapped: the rings could be read, and what follows is what they hold
 * @avail_flags: @avail_idx: @used_event: the driver's
 * @used_flags: @used_idx: @avail_event: the device's
 */
struct blk_queue_dump {
	pid_t worker;
	uint64_t stalled_since_ns;
	unsigned int held;

	bool ready;
	uint16_t size;
	uint64_t desc, avail, used;
	bool event_idx, indirect;
	const char *poison;
	uint16_t next_avail, next_used;
	uint16_t stall_head;
	uint64_t deadline_ns;
	bool mapped;
	uint16_t avail_flags, avail_idx, used_event;
	uint16_t used_flags, used_idx, avail_event;
};

/**
 * struct blk_dump - a disk
 * @at_ns: when, by the disk's clock
 * @consistent: nothing moved meanwhile; otherwise the queues' rings are left out
 * @status: @interrupt_status: @config_generation: registers
 * @offered: @features: feature bits offered and accepted
 * @capacity: sectors
 * @throttle: limits and balances
 * @profile_ns: the profile's time, 0: there is none, or it hasn't begun
 * @profile_requests: requests it has counted
 */
struct blk_dump {
	uint64_t at_ns;
	bool consistent;
	uint32_t status, interrupt_status, config_generation;
	uint64_t offered, features;
	uint64_t capacity;
	bool read_only;
	struct ss_blk_counters counters;
	struct ss_blk_lat latency;
	struct throttle_state throttle;
	uint64_t profile_ns, profile_requests;
	unsigned int nr_queues;
	struct blk_queue_dump queue[BLK_MAX_QUEUES];
};

/**
 * blk_dump() - fill @out
 * @paused: blk_pause() has succeeded and holds: then the rings are looked at too
 *
 * Any thread; waits up to 100 ms for a register access that is under way.
 */
void blk_dump(struct blk *blk, bool paused, struct blk_dump *out);

#endif /* SS_VIRTIO_BLK_DUMP_H */
