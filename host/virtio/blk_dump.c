// SPDX-License-Identifier: GPL-2.0-only
/* Takes a disk's dump: registers, rings, counters, latencies, throttle and profile. */
#include "virtio/blk_dump.h"

#include "virtio/blk_priv.h"

void blk_dump(struct blk *blk, bool paused, struct blk_dump *out)
{
	const uint64_t start = __atomic_load_n(&blk->pressure.start, __ATOMIC_ACQUIRE);

	*out = (struct blk_dump){
		.capacity = blk->capacity,
		.read_only = blk->read_only,
		.nr_queues = blk->dev.nr_queues,
		.profile_requests = __atomic_load_n(&blk->pressure.nr, __ATOMIC_RELAXED),
	};
	vdev_dump_begin(&blk->dev, paused, &out->dev);
	if (start && out->dev.at_ns > start)
		out->profile_ns = out->dev.at_ns - start;
	for (unsigned int i = 0; i < blk->dev.nr_queues; i++)
		vdev_dump_queue(&blk->dev, &out->dev, i, &out->queue[i]);
	blk_snapshot(blk, &out->counters);
	blk_latency(blk, &out->latency);
	blk_limits(blk, &out->throttle);
	vdev_dump_end(&blk->dev, &out->dev);
}
