/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What devices with a throttle and workers share, for their own units only:
 * the life of the workers (vdev.c), and the drain of a queue, with its stall,
 * poison and interrupts (vdev_queue.c). A device embeds struct vdev, and struct
 * vdev_queue in each of its queues, and says in a struct vdev_queue_ops what it
 * does with a chain.
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

/* About what it costs to wake a sleeping thread on another CPU, which is what it may save. */
#define VDEV_LINGER_NS 20000

struct vdev;

/* How a drain's pass over the ring ended. */
enum vdev_end {
	VDEV_EMPTY,    /* nothing left in it; notifications are on */
	VDEV_LINGER,   /* the same, notifications still off: vdev_linger() decides */
	VDEV_STALLED,  /* the head is stalled; notifications are on */
	VDEV_FULL,     /* no more requests can be pending: a completion brings the worker back */
	VDEV_SLICE,    /* a slice is over: signal the guest, and go on */
	VDEV_YIELD,    /* an order waits, or the worker's loop has a turn: come back at once */
	VDEV_POISONED, /* the ring turned out to be broken */
};

/**
 * struct vdev_drain - what one drain did
 * @start: when it began
 * @chains: taken from the ring
 * @published: used elements
 * @end: how it ended
 */
struct vdev_drain {
	uint64_t start;
	unsigned int chains;
	unsigned int published;
	enum vdev_end end;
};

struct vdev_queue;

/**
 * struct vdev_queue_ops - what a device does with the chains of a queue that is drained
 * @pass: vdev_pass() with the device's gate and serve, see vdev_pass.h
 * @reap: start what isn't started, take what is done, publish what is due. Called
 *	only with something pending. Return: when it must be called again (0 never: a
 *	completion will say)
 * @cancel: try to end early what is in flight; NULL: nothing ever is
 * @signal: tell the guest of @d, once it is over
 * @ordered: how much of [@from, @to) the queue would have stood still whatever its
 *	limits, ns; NULL: none ever
 *
 * All on the worker's thread.
 */
struct vdev_queue_ops {
	enum vdev_end (*pass)(struct vdev_queue *q, struct vdev_drain *d);
	uint64_t (*reap)(struct vdev_queue *q, struct vdev_drain *d);
	void (*cancel)(struct vdev_queue *q);
	void (*signal)(struct vdev_queue *q, const struct vdev_drain *d);
	uint64_t (*ordered)(const struct vdev_queue *q, uint64_t from, uint64_t to);
};

/**
 * struct vdev_queue - a queue, whatever device it belongs to
 * @ops: NULL: it isn't drained by itself
 * @worker: drains it
 * @done_fd: eventfd of what is in flight, the worker's second kick; -1: none
 * @vq: the ring; not ready while the device isn't active
 * @chain: the one at hand; @seg and @max set by the device
 * @stalled: the head of the ring waits for the throttle
 * @stall_head: its descriptor
 * @retry_at: when the head must be looked at (0 never, 1 at once)
 * @reap_at: when what is pending must be, whether the head is due or not (the same)
 * @recheck: atomic: limits or waiters have changed, ask the throttle before @retry_at
 * @stall_since: atomic: when the head was first refused, 0: not stalled
 * @in_flight: requests in the backing
 * @held_nr: atomic: requests that are done, their completions kept back
 * @waiter: its place in the throttle's queue
 * @now: the time as last read
 * @linger_skip: drains that don't linger after one that did so in vain
 * @linger_left: of them still to come
 *
 * All but what is atomic belongs to the worker while it runs. vdev_queue.c says in
 * which states a queue can be.
 */
struct vdev_queue {
	const struct vdev_queue_ops *ops;
	struct vdev *dev;
	unsigned int index;
	struct worker *worker;
	int done_fd;
	struct virtq vq;
	struct virtq_chain chain;
	bool stalled;
	uint16_t stall_head;
	uint64_t retry_at, reap_at;
	bool recheck;
	uint64_t stall_since;
	unsigned int in_flight, held_nr;
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
 * struct vdev_transport - carries a device's signals, where virtio-mmio doesn't
 * @raise: bits of INTERRUPT_STATUS on queue @q's account, and an interrupt if so; on the
 *	worker's thread
 */
struct vdev_transport {
	void (*raise)(struct vdev_transport *t, unsigned int q, uint32_t bits, bool interrupt);
};

/**
 * struct vdev - a device
 * @transport: NULL: @mmio
 * @mmio_ops: the device's, with its name
 * @id: its number in probes
 * @throttle: in use
 * @flow: of all its queues, at @throttle
 * @active: between DRIVER_OK and reset
 * @lingers: its workers may wait a moment for more before they sleep
 * @slice_ns: a drain that has published ends after so long, to signal the guest; 0:
 *	only when the ring is empty
 * @linger_ns: so long; VDEV_LINGER_NS, or what a transport makes of it before it's active
 * @warned_mem: atomic
 * @poisons: atomic; for the log only
 * @queue: by their numbers
 * @worker: each started with the device
 */
struct vdev {
	struct vdev_transport *transport;
	struct virtio_mmio mmio;
	struct virtio_mmio_ops mmio_ops;
	char name[WORKER_NAME_LEN];
	unsigned int id;
	struct io_clock clock;
	struct throttle *throttle;
	struct throttle own_throttle;
	struct throttle_flow flow;
	struct vdev_counters counters;
	bool active;
	bool lingers;
	uint64_t slice_ns;
	uint64_t linger_ns;
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
 * @lingers: @slice_ns: see struct vdev
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
	uint64_t slice_ns;
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
 * @out: for the queues that it serves; owned by the device
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

/** vdev_worker_ops - of a worker that drains one queue, which is its context */
extern const struct worker_ops vdev_worker_ops;

/** vdev_wire_mem() - late wiring of guest memory. Return: false if there is none */
bool vdev_wire_mem(struct vdev_queue *q);

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

/** vdev_pending() - requests taken from the ring and not published yet */
static inline unsigned int vdev_pending(const struct vdev_queue *q)
{
	return q->in_flight + q->held_nr;
}

/** vdev_full() - as many are pending as fit the longest ring: no more may be taken */
static inline bool vdev_full(const struct vdev_queue *q)
{
	return vdev_pending(q) >= VIRTQ_MAX_SIZE;
}

/** vdev_deadline_ns() - when the stalled head is tried again, 0: not stalled */
static inline uint64_t vdev_deadline_ns(const struct vdev_queue *q)
{
	return q->stalled ? q->retry_at : 0;
}

/** vdev_sooner() - the earlier of two times of which either may be 0, never */
static inline uint64_t vdev_sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/** vdev_queue_clear() - forget ring and completions; the worker has stopped, which ends a stall */
void vdev_queue_clear(struct vdev_queue *q);

/* --- the drain's parts, for tests --- */

/**
 * vdev_drain_ring() - the bracket: notifications off, a pass, notifications on
 *
 * Goes round while the guest adds more. Return: how the last pass ended.
 */
enum vdev_end vdev_drain_ring(struct vdev_queue *q, struct vdev_drain *d);

/**
 * vdev_linger() - look for more for a moment, notifications still off
 * @wait: false: don't, for there is something else to wait for
 *
 * After a drain that ended with VDEV_LINGER, when the guest has been told of it. A
 * driver that goes on at once is spared the kick, and the worker its sleep. Where that
 * comes to nothing, such as when the two share a CPU, it's tried less and less often.
 * Notifications are on again when it ends in vain.
 *
 * Return: there is more in the ring.
 */
bool vdev_linger(struct vdev_queue *q, bool wait);

#endif /* SS_VIRTIO_VDEV_H */
