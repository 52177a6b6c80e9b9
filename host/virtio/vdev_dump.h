/* SPDX-License-Identifier: GPL-2.0-only */
/* What the dumps of disks and network devices have in common, in plain structs. */
#ifndef SS_VIRTIO_VDEV_DUMP_H
#define SS_VIRTIO_VDEV_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct vdev_queue_dump - one queue
 * @worker: its thread, 0: it doesn't run
 * @stalled_since_ns: when its head was first refused, 0: not stalled
 * @held: completions that a disk's profile keeps back
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
struct vdev_queue_dump {
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
 * struct vdev_dump - a device's registers
 * @at_ns: when, by the device's clock
 * @consistent: nothing moved meanwhile; otherwise the queues' rings are left out
 * @status: @interrupt_status: @config_generation: registers
 * @offered: @features: feature bits offered and accepted
 */
struct vdev_dump {
	uint64_t at_ns;
	bool consistent;
	uint32_t status, interrupt_status, config_generation;
	uint64_t offered, features;
};

/* --- for the devices --- */

struct vdev;

/**
 * vdev_dump_begin() - fill @out
 * @paused: the workers are parked and stay so
 *
 * If it comes out consistent, the transport's lock is held until
 * vdev_dump_end(). Waits up to 100 ms for it.
 */
void vdev_dump_begin(struct vdev *dev, bool paused, struct vdev_dump *out);

void vdev_dump_end(struct vdev *dev, const struct vdev_dump *d);

/** vdev_dump_queue() - fill @out, all but what is the device's own matter, in between */
void vdev_dump_queue(const struct vdev *dev, const struct vdev_dump *d, unsigned int index,
		     struct vdev_queue_dump *out);

#endif /* SS_VIRTIO_VDEV_DUMP_H */
