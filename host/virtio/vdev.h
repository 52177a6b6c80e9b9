/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What devices with a throttle and workers share, for their own units only:
 * the life of the workers (vdev.c), and of a queue the stall, the bracket
 * around its drain, poison and interrupts (vdev_queue.c). A device embeds
 * struct vdev, and struct vdev_queue in each of its queues.
 */
#ifndef SS_VIRTIO_VDEV_H
#define SS_VIRTIO_VDEV_H

#include <stddef.h>

#include "io/clock.h"
#include "io/throttle.h"
#include "io/worker.h"
#include "ss_counters.h"
#include "virtio/mmio.h"
#include "virtio/queue.h"

#define VDEV_AT_ONCE 1 /* a deadline in the past */

struct vdev;

/**
 * struct vdev_queue - a queue, whatever device it belongs to
 * @worker: drains it
 * @vq: the ring; not ready while the device isn't active
 * @stalled: the head of the ring waits for the throttle
 * @stall_head: its descriptor
 * @deadline: when the worker shall look again (0 never, 1 at once)
 * @recheck: atomic: limits or line have changed, ask the throttle before the deadline
 * @stall_since: atomic: when the head was first refused, 0: not stalled
 * @waiter: its place among those who share the throttle
 * @now: the time as last read
 * @linger_skip: drains that don't linger after one that did so in vain
 * @linger_left: of them still to come
 *
 * All but what is atomic belongs to the worker while it runs.
 */
struct vdev_queue {
	struct vdev *dev;
	unsigned int index;
	struct worker *worker;
	struct virtq vq;
	bool stalled;
	uint16_t stall_head;
	uint64_t deadline;
	bool recheck;
	uint64_t stall_since;
	struct throttle_waiter waiter;
	uint64_t now;
	unsigned int linger_skip, linger_left;
};

/**
 * struct vdev_counters - where a device counts what this unit sees
 *
 * See struct ss_blk_counters.
 */
struct vdev_counters {
	__u64 *throttled_count;
	__u64 *currently_throttled_gauge;
	__u64 *invalid_avail_idx_count;
};

/**
 * struct vdev - a device
 * @mmio_ops: the device's, with its name
 * @id: its number in probes
 * @throttle: in use
 * @party: all queues are one party to it
 * @active: between DRIVER_OK and reset
 * @lingers: its workers may wait a moment for more before they sleep
 * @warned_mem: atomic
 * @poisons: atomic; for the log only
 * @queue: by their numbers
 * @worker: each started with the device
 */
struct vdev {
	struct virtio_mmio mmio;
	struct virtio_mmio_ops mmio_ops;
	char name[WORKER_NAME_LEN];
	unsigned int id;
	struct io_clock clock;
	struct throttle *throttle;
	struct throttle own_throttle;
	struct throttle_party party;
	struct vdev_counters counters;
	bool active;
	bool lingers;
	bool warned_mem;
	unsigned int poisons;
	unsigned int nr_queues, nr_workers;
	struct vdev_queue *queue[VIRTIO_MMIO_MAX_QUEUES];
	struct worker *worker[VIRTIO_MMIO_MAX_QUEUES];
};

/* --- vdev.c: life. All but what says otherwise as in worker.h --- */

/**
 * struct vdev_config - how to make a device
 * @kind: @index: make its name ("blk", 0)
 * @id: in probes
 * @ops: of the transport; copied, and given the name
 * @priv: passed to @ops
 * @features: offered
 * @limits: of a throttle of its own
 * @throttle: or one to share, borrowed; or NULL
 * @clock: NULL for CLOCK_MONOTONIC
 * @lingers: its drains end with vdev_linger()
 */
struct vdev_config {
	const char *kind;
	unsigned int index, id;
	const struct virtio_mmio_ops *ops;
	void *priv;
	uint64_t features;
	unsigned int nr_queues;
	uint16_t queue_max;
	struct throttle_limits limits;
	struct throttle *throttle;
	struct vdev_counters counters;
	const struct io_clock *clock;
	bool lingers;
};

/**
 * vdev_init() - throttle and transport of a zeroed @dev; no queues yet
 *
 * Return: 0, throttle_check()'s error, or virtio_mmio_init()'s; nothing is left
 * then.
 */
int vdev_init(struct vdev *dev, const struct vdev_config *config);

/** vdev_add_queue() - the next queue, zeroed by its owner; @worker may come later */
void vdev_add_queue(struct vdev *dev, struct vdev_queue *q);

/**
 * vdev_add_worker() - make a worker, started and stopped with the device
 * @config: all but the name, which is the device's with @suffix
 * @out: for those queues that it serves; the device owns it
 *
 * Return: worker_create()'s.
 */
int vdev_add_worker(struct vdev *dev, struct worker_config *config, const char *suffix,
		    struct worker **out);

/** vdev_destroy() - free it all but the queues; the workers don't run */
void vdev_destroy(struct vdev *dev);

/** vdev_stop() - stop the workers. Return: 0 or -ETIMEDOUT */
int vdev_stop(struct vdev *dev);

/** vdev_activate() - what a device does at DRIVER_OK. Return: a worker's error */
int vdev_activate(struct vdev *dev);

/**
 * vdev_deactivate() - stop the workers and forget the queues
 *
 * Return: 0 or -ETIMEDOUT: the queues are still in use then.
 */
int vdev_deactivate(struct vdev *dev);

/** vdev_pause() - park the workers. Return: 0 or -ETIMEDOUT */
int vdev_pause(struct vdev *dev, uint64_t timeout_ns);

/** vdev_resume() - let them go on */
void vdev_resume(struct vdev *dev);

/** vdev_recheck() - stalled queues ask the throttle again at once; any thread */
void vdev_recheck(struct vdev *dev);

/* --- vdev_queue.c: on the worker's thread --- */

/* How a stall ended, as the stall_end probe says it. */
enum vdev_stall_outcome {
	VDEV_STALL_RETRIED = 0,
	VDEV_STALL_GRANTED = 1,
	VDEV_STALL_OVER = 2, /* reset, teardown, or the guest took the head away */
};

/** vdev_stall_finish() - vdev_stall_end() of a queue that is stalled */
void vdev_stall_finish(struct vdev_queue *q, enum vdev_stall_outcome outcome);

/** vdev_stall_end() - the stall is over, if there is one */
static inline void vdev_stall_end(struct vdev_queue *q, enum vdev_stall_outcome outcome)
{
	if (q->stalled)
		vdev_stall_finish(q, outcome);
}

/** vdev_stall_begin() - the head was refused at @now: it's (still) stalled */
void vdev_stall_begin(struct vdev_queue *q, uint16_t head, uint64_t now,
		      const struct throttle_verdict *verdict);

/** vdev_wire_mem() - late wiring of guest memory. Return: false if there is none */
bool vdev_wire_mem(struct vdev_queue *q);

/** vdev_queue_usable() - may the ring be touched at all? */
static inline bool vdev_queue_usable(struct vdev_queue *q)
{
	return q->vq.ready && !q->vq.poison && (q->vq.mem || vdev_wire_mem(q));
}

/**
 * struct vdev_drain - what one drain did
 * @start: when it began
 * @chains: taken from the ring
 * @published: used elements
 * @due: the guest shall hear of it: the next drain follows at once
 * @again: left early: come back at once
 * @linger: the ring is empty, with notifications still off: vdev_linger()
 */
struct vdev_drain {
	uint64_t start;
	unsigned int chains;
	unsigned int published;
	bool due;
	bool again;
	bool linger;
};

/* Why a pass over the ring ended. */
enum vdev_pass {
	VDEV_EMPTY,
	VDEV_STALLED,
	VDEV_POISONED,
	VDEV_LEFT, /* with chains in the ring: somebody will come back for them */
};

/**
 * vdev_drain_ring() - the bracket: notifications off, a pass, notifications on
 * @pass: takes chains until one of the above
 *
 * Goes round while the guest adds more. Return: true if the ring turned out to
 * be broken.
 */
bool vdev_drain_ring(struct vdev_queue *q, struct vdev_drain *d,
		     enum vdev_pass (*pass)(struct vdev_queue *q, struct vdev_drain *d));

/**
 * vdev_linger() - look for more for a moment, notifications still off
 * @wait: false: don't, for there is something else to wait for
 *
 * After a drain with @linger set, when the guest has been told of it. A driver that
 * goes on at once is spared the kick, and the worker its sleep. Where that comes to
 * nothing, such as when the two share a CPU, it's tried less and less often.
 * Notifications are on again when it ends in vain.
 *
 * Return: there is more in the ring.
 */
bool vdev_linger(struct vdev_queue *q, bool wait);

/** vdev_poisoned() - the ring has just turned out to be broken; the caller tells the guest */
void vdev_poisoned(struct vdev_queue *q);

/**
 * vdev_wants_interrupt() - does the driver want one for @published used elements?
 *
 * Asked once after a drain. A ring that is poisoned isn't asked: yes.
 */
bool vdev_wants_interrupt(struct vdev_queue *q, unsigned int published);

/** vdev_raise() - bits of INTERRUPT_STATUS, and an interrupt on @q's account if so */
void vdev_raise(struct vdev_queue *q, uint32_t bits, bool interrupt);

/** vdev_settle() - the deadline after a drain that wasn't stalled, or must go on */
void vdev_settle(struct vdev_queue *q, bool again);

/** vdev_must_recheck() - has the throttle to be asked before the deadline? Asked once */
bool vdev_must_recheck(struct vdev_queue *q);

/** vdev_queue_clear() - forget ring and stall; the worker doesn't run */
void vdev_queue_clear(struct vdev_queue *q);

#endif /* SS_VIRTIO_VDEV_H */
