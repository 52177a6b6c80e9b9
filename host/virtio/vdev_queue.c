// SPDX-License-Identifier: GPL-2.0-only
/* A queue's stall, bracket, poison and interrupts, the same for all devices. */
#include "virtio/vdev.h"

#include <linux/virtio_mmio.h>

#include "lib/log.h"
#include "lib/counters.h"
#include "ss_events.h"
#include "ss_probes.h"

#define POISON_WARNINGS 8

/* About what it costs to wake a sleeping thread on another CPU, which is what it may save. */
#define LINGER_NS	20000
#define LINGER_LOOKS	16 /* at the ring, between two at the clock */
#define LINGER_SKIP_MAX 255

/* --- stalls --- */

void vdev_stall_finish(struct vdev_queue *q, enum vdev_stall_outcome outcome)
{
	ss_probe_stall_end(q->dev->id, q->index, q->stall_head, outcome);
	if (outcome == VDEV_STALL_RETRIED)
		return;
	q->stalled = false;
	q->deadline = WORKER_NO_DEADLINE;
	__atomic_store_n(&q->stall_since, 0, __ATOMIC_RELAXED);
	throttle_leave(q->dev->throttle, &q->waiter);
	counter_dec_floor(q->dev->counters.currently_throttled_gauge);
}

void vdev_stall_begin(struct vdev_queue *q, uint16_t head, uint64_t now,
		      const struct throttle_verdict *verdict)
{
	vdev_stall_end(q, VDEV_STALL_RETRIED);
	if (!q->stalled) {
		counter_inc(q->dev->counters.currently_throttled_gauge);
		__atomic_store_n(&q->stall_since, now, __ATOMIC_RELAXED);
	}
	counter_inc(q->dev->counters.throttled_count);
	q->stalled = true;
	q->stall_head = head;
	if (__builtin_add_overflow(now, verdict->wait_ns, &q->deadline))
		q->deadline = UINT64_MAX;
	ss_probe_stall_begin(q->dev->id, q->index, head, verdict->bucket, verdict->lack,
			     verdict->wait_ns);
}

/* --- the bracket --- */

bool vdev_wire_mem(struct vdev_queue *q)
{
	const struct guest_mem *mem = virtio_mmio_mem(&q->dev->mmio);

	if (mem) {
		virtq_set_mem(&q->vq, mem);
		return true;
	}
	if (!__atomic_exchange_n(&q->dev->warned_mem, true, __ATOMIC_RELAXED))
		ss_warn("%s: a kick before there is guest memory: dropped", q->dev->name);
	return false;
}

/* After it came to nothing some drains don't. */
static bool may_linger(struct vdev_queue *q)
{
	if (!q->dev->lingers)
		return false;
	if (!q->linger_left)
		return true;
	q->linger_left--;
	return false;
}

bool vdev_drain_ring(struct vdev_queue *q, struct vdev_drain *d,
		     enum vdev_pass (*pass)(struct vdev_queue *q, struct vdev_drain *d))
{
	for (;;) {
		/* A hint to the driver; without it there are some more kicks. */
		virtq_disable_notify(&q->vq);
		switch (pass(q, d)) {
		case VDEV_POISONED:
			return true;
		case VDEV_LEFT:
			return false;
		case VDEV_STALLED:
			virtq_enable_notify(&q->vq);
			return false;
		case VDEV_EMPTY:
			if (d->chains && may_linger(q)) {
				d->linger = true;
				return false;
			}
			if (virtq_enable_notify(&q->vq) <= 0)
				return false;
		}
	}
}

static bool more_comes(struct vdev_queue *q)
{
	const uint64_t until = io_clock_now(&q->dev->clock) + LINGER_NS;

	do {
		for (unsigned int i = 0; i < LINGER_LOOKS; i++) {
			if (virtq_has_more(&q->vq))
				return true;
			__builtin_ia32_pause();
		}
	} while (!worker_must_yield(q->worker) && io_clock_now(&q->dev->clock) < until);
	return false;
}

bool vdev_linger(struct vdev_queue *q, bool wait)
{
	if (wait && more_comes(q)) {
		q->linger_skip = 0;
		return true;
	}
	if (wait && q->linger_skip < LINGER_SKIP_MAX)
		q->linger_skip = 2 * q->linger_skip + 1;
	q->linger_left = q->linger_skip;
	return virtq_enable_notify(&q->vq) > 0;
}

/* --- poison --- */

/* The guest can do this as often as it likes; the terminal isn't its to fill. */
static void warn_poison(struct vdev_queue *q)
{
	struct vdev *dev = q->dev;
	const unsigned int nr = __atomic_fetch_add(&dev->poisons, 1, __ATOMIC_RELAXED);

	if (nr < POISON_WARNINGS)
		ss_warn("%s: queue %u: %s; the device waits for a reset by the guest%s", dev->name,
			q->index, virtq_poison_str(q->vq.poison),
			nr + 1 == POISON_WARNINGS ? " (further ones are counted only)" : "");
}

void vdev_poisoned(struct vdev_queue *q)
{
	vdev_stall_end(q, VDEV_STALL_OVER);
	counter_inc(q->dev->counters.invalid_avail_idx_count);
	warn_poison(q);
	ss_probe_dev_event(q->dev->id, q->index, SS_DEV_POISON, q->vq.poison);
	virtio_mmio_set_needs_reset(&q->dev->mmio);
}

/* --- after a drain --- */

bool vdev_wants_interrupt(struct vdev_queue *q, unsigned int published)
{
	return published && (q->vq.poison || virtq_should_interrupt(&q->vq));
}

void vdev_raise(struct vdev_queue *q, uint32_t bits, bool interrupt)
{
	if (interrupt)
		ss_probe_interrupt(q->dev->id, q->index);
	virtio_mmio_raise(&q->dev->mmio, bits, interrupt);
}

void vdev_settle(struct vdev_queue *q, bool again)
{
	if (again)
		q->deadline = VDEV_AT_ONCE;
	else if (!q->stalled)
		q->deadline = WORKER_NO_DEADLINE;
}

bool vdev_must_recheck(struct vdev_queue *q)
{
	return __atomic_exchange_n(&q->recheck, false, __ATOMIC_ACQUIRE) && q->stalled;
}

void vdev_queue_clear(struct vdev_queue *q)
{
	vdev_stall_end(q, VDEV_STALL_OVER);
	q->vq = (struct virtq){ 0 };
	q->deadline = WORKER_NO_DEADLINE;
}
