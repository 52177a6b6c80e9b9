/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk at a glance: everything there is to say of it, in a plain struct. */
#ifndef SS_VIRTIO_BLK_DUMP_H
#define SS_VIRTIO_BLK_DUMP_H

#include "virtio/blk.h"
#include "virtio/vdev_dump.h"

/**
 * struct blk_dump - a disk
 * @capacity: sectors
 * @throttle: limits and balances
 * @profile_ns: the profile's time, 0: there is none, or it hasn't begun
 * @profile_requests: requests it has counted
 */
struct blk_dump {
	struct vdev_dump dev;
	uint64_t capacity;
	bool read_only;
	struct ss_blk_counters counters;
	struct ss_blk_lat latency;
	struct throttle_state throttle;
	uint64_t profile_ns, profile_requests;
	unsigned int nr_queues;
	struct vdev_queue_dump queue[BLK_MAX_QUEUES];
};

/**
 * blk_dump() - fill @out
 * @paused: blk_pause() has succeeded and holds: then the rings are looked at too
 *
 * Any thread; waits up to 100 ms for a register access that is under way.
 */
void blk_dump(struct blk *blk, bool paused, struct blk_dump *out);

#endif /* SS_VIRTIO_BLK_DUMP_H */
