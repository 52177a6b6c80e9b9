/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The drain's pass over a ring: one chain after the other, through the device's gate,
 * until there is a reason to end. vdev_queue.c has the rest of the drain, and says how
 * the two of them move a queue from state to state.
 *
 * Inline, with gate and serve known when it is compiled, so that they become part of
 * the loop. After a system call the CPU has lost track of where functions return to:
 * with both called through a table the drain took 4 % more CPU for reads from tmpfs, and
 * 2 % more with a backing that does nothing.
 */
#ifndef SS_VIRTIO_VDEV_PASS_H
#define SS_VIRTIO_VDEV_PASS_H

#include "ss_events.h"
#include "virtio/vdev.h"

/* What a device says of the chain at the head of the ring. */
enum vdev_gate {
	VDEV_SERVE,  /* granted: serve it */
	VDEV_REJECT, /* malformed or refused: answered at once, at no cost to the throttle */
	VDEV_DROP,   /* malformed so that it can't be answered: lost */
	VDEV_STALL,  /* the throttle refused it: it stays where it is */
};

/**
 * struct vdev_pass_ops - what a device does with a chain, @q->chain
 * @gate: check it, then ask the throttle; fills @verdict for VDEV_STALL. The guest sees
 *	nothing of it
 * @serve: do what @gate said (all but VDEV_STALL), or start it: then it is counted in
 *	@q->in_flight, or, once it is done but kept back, in @q->held_nr
 *
 * A constant, for vdev_pass().
 */
struct vdev_pass_ops {
	enum vdev_gate (*gate)(struct vdev_queue *q, struct throttle_verdict *verdict);
	void (*serve)(struct vdev_queue *q, struct vdev_drain *d, enum vdev_gate gate);
};

/* vdev_queue.c */

/** vdev_stall_begin() - the head was refused: it is stalled, or still is */
void vdev_stall_begin(struct vdev_queue *q, const struct throttle_verdict *verdict);

/** vdev_stall_finish() - vdev_stall_end() of a queue that is stalled */
void vdev_stall_finish(struct vdev_queue *q, enum ss_stall_outcome outcome);

/** vdev_stall_end() - the stall is over, if there is one */
static inline void vdev_stall_end(struct vdev_queue *q, enum ss_stall_outcome outcome)
{
	if (q->stalled)
		vdev_stall_finish(q, outcome);
}

static inline bool vdev_slice_over(const struct vdev_queue *q, const struct vdev_drain *d)
{
	return d->published && q->dev->slice_ns && q->now - d->start >= q->dev->slice_ns;
}

/** vdev_pass() - take chains from the ring. Return: why no more, never VDEV_LINGER */
static inline __attribute__((always_inline)) enum vdev_end
vdev_pass(struct vdev_queue *q, struct vdev_drain *d, const struct vdev_pass_ops *ops)
{
	struct throttle_verdict verdict;
	enum vdev_gate gate;
	int ret;

	for (;;) {
		if (worker_must_yield(q->worker) || d->chains >= q->vq.size)
			return VDEV_YIELD;
		if (vdev_slice_over(q, d))
			return VDEV_SLICE;
		if (vdev_full(q))
			return VDEV_FULL;
		ret = virtq_pop(&q->vq, &q->chain);
		if (ret < 0)
			return VDEV_POISONED;
		if (ret == 0) {
			vdev_stall_end(q, SS_STALL_ABANDONED);
			return VDEV_EMPTY;
		}
		gate = ops->gate(q, &verdict);
		if (gate == VDEV_STALL) {
			vdev_stall_begin(q, &verdict);
			virtq_unpop(&q->vq);
			return VDEV_STALLED;
		}
		vdev_stall_end(q, gate == VDEV_SERVE ? SS_STALL_GRANTED : SS_STALL_ABANDONED);
		d->chains++;
		ops->serve(q, d, gate);
	}
}

#endif /* SS_VIRTIO_VDEV_PASS_H */
