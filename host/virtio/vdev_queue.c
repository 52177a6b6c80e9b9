// SPDX-License-Identifier: GPL-2.0-only
/*
 * The drain: one for the queues of all devices, from the available ring past the
 * throttle to the used ring. What is in a chain is the device's matter: its gate
 * and serve (vdev_pass.h, which has the innermost loop), and its struct
 * vdev_queue_ops.
 *
 *              DRIVER_OK         kick, completion, reap_at
 *    stopped ------------> idle --------------------------> draining ---------> poisoned
 *       ^                   ^      ring empty                |  ^   ring broken    |
 *       |                   +------------ (lingering) <------+  |                  |
 *       |                                                    |  | retry_at,        |
 *       |                       head refused, or a ring's    |  | recheck,         |
 *       |                       worth of requests pending    v  | completion       |
 *       |                                           stalled, full                  |
 *       |                                                                          |
 *       +----------------- reset, from any state: quiesce, stop, clear ------------+
 *
 *   state      what says so              what ends it
 *   stopped    !vq.ready                 DRIVER_OK: vdev_activate() starts the worker
 *   idle       nothing below             a kick; reap_at or a completion, if some are
 *                                        in_flight or held_nr meanwhile
 *   draining   the worker is in drain()  how the pass ended: enum vdev_end; after
 *                                        VDEV_SLICE and VDEV_YIELD the next drain
 *                                        follows at once
 *   lingering  the same, notifications   a chain, or linger_ns without one
 *              still off
 *   stalled    stalled, stall_since      the time retry_at, or recheck; a kick doesn't (D88)
 *   full       vdev_pending() is the     a completion, or reap_at
 *              longest ring's size
 *   poisoned   vq.poison                 reset; a drain only reaps what was in flight
 *   paused     the worker's order        resume. On its way there quiesce waits for what
 *                                        is in flight; the other states stay as they are
 *
 * All of it is moved by the queue's worker on its own thread, but for two: a vCPU's
 * thread starts and stops it (DRIVER_OK, reset), with the transport's lock held, and
 * any thread may set recheck and wake it, or pause it.
 */
#include "virtio/vdev_pass.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/counters.h"
#include "ss_events.h"
#include "ss_probes.h"

#define POISON_WARNINGS 8

#define LINGER_LOOKS	16 /* at the ring, between two at the clock */
#define LINGER_SKIP_MAX 255

/* How often a stop or pause that waits for the backing looks for new orders. */
#define QUIESCE_POLL_MS 10

/* What wakes a worker. */
enum wakeup {
	WAKEUP_KICK, /* the driver's, or new limits */
	WAKEUP_TIMER,
	WAKEUP_DONE, /* the backing has finished something */
};

/* --- stalls --- */

/* D107: whatever ends it, and however often its end was predicted. */
static void tell_stall_end(const struct vdev_queue *q, enum ss_stall_outcome outcome)
{
	const uint64_t since = q->stall_since, now = io_clock_now(&q->dev->clock);
	uint64_t predicted = 0, ordered = 0;

	if (q->retry_at > since)
		predicted = q->retry_at - since;
	if (q->ops->ordered && now > since)
		ordered = q->ops->ordered(q, since, now);
	ss_probe_stall_end(q->dev->id, q->index, q->stall_head, outcome, predicted, ordered);
}

void vdev_stall_finish(struct vdev_queue *q, enum ss_stall_outcome outcome)
{
	tell_stall_end(q, outcome);
	q->stalled = false;
	q->retry_at = WORKER_NO_DEADLINE;
	__atomic_store_n(&q->stall_since, 0, __ATOMIC_RELAXED);
	throttle_leave(q->dev->throttle, &q->waiter);
	counter_dec_floor(q->dev->counters.currently_throttled_gauge);
}

/* D104: a head that is asked about again in vain is in the stall it was in. */
void vdev_stall_begin(struct vdev_queue *q, const struct throttle_verdict *verdict)
{
	if (__builtin_add_overflow(q->now, verdict->predicted_ns, &q->retry_at))
		q->retry_at = UINT64_MAX;
	if (q->stalled)
		return;
	counter_inc(q->dev->counters.currently_throttled_gauge);
	counter_inc(q->dev->counters.throttled_count);
	__atomic_store_n(&q->stall_since, q->now, __ATOMIC_RELAXED);
	q->stalled = true;
	q->stall_head = q->chain.head;
	ss_probe_stall_begin(q->dev->id, q->index, q->stall_head, verdict->bucket, verdict->deficit,
			     verdict->predicted_ns);
}

/* --- poison --- */

/* The guest can do this as often as it likes, but it isn't to fill the terminal. */
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
	vdev_stall_end(q, SS_STALL_ABANDONED);
	counter_inc(q->dev->counters.invalid_avail_idx_count);
	warn_poison(q);
	ss_probe_dev_event(q->dev->id, q->index, SS_DEV_POISON, q->vq.poison);
	virtio_mmio_set_needs_reset(&q->dev->mmio);
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

/* May the ring be touched at all? */
static bool usable(struct vdev_queue *q)
{
	return q->vq.ready && !q->vq.poison && (q->vq.mem || vdev_wire_mem(q));
}

static void reap(struct vdev_queue *q, struct vdev_drain *d)
{
	q->reap_at = vdev_pending(q) ? q->ops->reap(q, d) : WORKER_NO_DEADLINE;
}

/* After lingering came to nothing, some drains don't. */
static bool may_linger(struct vdev_queue *q)
{
	if (!q->dev->lingers)
		return false;
	if (!q->linger_left)
		return true;
	q->linger_left--;
	return false;
}

enum vdev_end vdev_drain_ring(struct vdev_queue *q, struct vdev_drain *d)
{
	for (;;) {
		enum vdev_end end;

		/* A hint to the driver; without it there are some more kicks. */
		virtq_disable_notify(&q->vq);
		end = q->ops->pass(q, d);
		if (end == VDEV_POISONED)
			vdev_poisoned(q);
		reap(q, d);
		switch (end) {
		case VDEV_EMPTY:
			if (d->chains && may_linger(q))
				return VDEV_LINGER;
			if (virtq_enable_notify(&q->vq) <= 0)
				return end;
			break;
		case VDEV_STALLED:
			virtq_enable_notify(&q->vq);
			return end;
		case VDEV_FULL:
			/* A completion starts the next drain, unless it has been reaped already. */
			return vdev_full(q) ? end : VDEV_YIELD;
		default:
			return end;
		}
	}
}

static bool more_comes(struct vdev_queue *q)
{
	const uint64_t until = io_clock_now(&q->dev->clock) + q->dev->linger_ns;

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

/* --- the drain --- */

/* Only what is pending is due; the stalled head isn't. */
static bool head_not_due(const struct vdev_queue *q, enum wakeup wakeup)
{
	if (!q->stalled || q->now >= q->retry_at)
		return false;
	return wakeup == WAKEUP_DONE || (wakeup == WAKEUP_TIMER && q->reap_at);
}

static void drain_once(struct vdev_queue *q, enum wakeup wakeup, struct vdev_drain *d)
{
	bool pending_only;

	ss_probe_drain_begin(q->dev->id, q->index);
	q->now = io_clock_now(&q->dev->clock);
	*d = (struct vdev_drain){ .start = q->now, .end = VDEV_STALLED };
	pending_only = head_not_due(q, wakeup);
	reap(q, d);
	if (!pending_only)
		d->end = vdev_drain_ring(q, d);
	q->ops->signal(q, d);
	ss_probe_drain_end(q->dev->id, q->index, d->chains, d->published, q->stalled);
}

/*
 * Does the next drain follow at once? But the worker's loop has a turn too, after a
 * ring's worth of @chains.
 */
static bool goes_on(struct vdev_queue *q, struct vdev_drain *d, unsigned int chains)
{
	const bool enough = chains >= q->vq.size;
	const bool more = d->end == VDEV_LINGER ? vdev_linger(q, !enough && !vdev_pending(q))
						: d->end == VDEV_SLICE;

	if (more && enough)
		d->end = VDEV_YIELD;
	return more && !enough;
}

/* When the worker must look again. */
static uint64_t wake_at(const struct vdev_queue *q)
{
	return vdev_sooner(q->retry_at, q->reap_at);
}

static uint64_t drain(struct vdev_queue *q, enum wakeup wakeup)
{
	struct vdev_drain d = { 0 };
	unsigned int chains = 0;

	if (!usable(q)) {
		q->retry_at = WORKER_NO_DEADLINE;
		/* What was in flight when the ring broke comes back all the same. */
		reap(q, &d);
		return wake_at(q);
	}
	do {
		drain_once(q, wakeup, &d);
		chains += d.chains;
	} while (goes_on(q, &d, chains));
	if (d.end == VDEV_YIELD)
		q->retry_at = VDEV_AT_ONCE;
	else if (!q->stalled)
		q->retry_at = WORKER_NO_DEADLINE;
	return wake_at(q);
}

/* --- for the devices --- */

bool vdev_wants_interrupt(struct vdev_queue *q, unsigned int published)
{
	return published && (q->vq.poison || virtq_should_interrupt(&q->vq));
}

void vdev_raise(struct vdev_queue *q, uint32_t bits, bool interrupt)
{
	if (interrupt)
		ss_probe_interrupt(q->dev->id, q->index);
	if (q->dev->transport)
		q->dev->transport->raise(q->dev->transport, q->index, bits, interrupt);
	else
		virtio_mmio_raise(&q->dev->mmio, bits, interrupt);
}

void vdev_queue_clear(struct vdev_queue *q)
{
	q->vq = (struct virtq){ 0 };
	q->retry_at = q->reap_at = WORKER_NO_DEADLINE;
	__atomic_store_n(&q->held_nr, 0, __ATOMIC_RELAXED);
}

/* --- the worker's ops --- */

/* The ring's eventfd is the first, the backing's the second. */
static uint64_t queue_kick(void *ctx, unsigned int index)
{
	struct vdev_queue *q = ctx;

	if (index) /* A drain may have reaped it already. */
		return q->in_flight ? drain(q, WAKEUP_DONE) : wake_at(q);
	ss_probe_kick(q->dev->id, q->index);
	/* The head is known to be blocked: the timer will drain. */
	if (q->stalled)
		return wake_at(q);
	return drain(q, WAKEUP_KICK);
}

static uint64_t queue_timer(void *ctx)
{
	return drain(ctx, WAKEUP_TIMER);
}

/*
 * After a start or resume there is nothing to do here: kicks wait in their eventfd, and
 * a pause that has reaped something has set reap_at.
 */
static uint64_t queue_wake(void *ctx)
{
	struct vdev_queue *q = ctx;

	if (__atomic_exchange_n(&q->recheck, false, __ATOMIC_ACQUIRE) && q->stalled)
		return drain(q, WAKEUP_KICK);
	return wake_at(q);
}

/*
 * A stop that fails, here or for another queue, mustn't leave the head queued at the
 * throttle, where other devices wait behind it.
 */
static void end_early(struct vdev_queue *q)
{
	vdev_stall_end(q, SS_STALL_ABANDONED);
	if (q->in_flight)
		q->ops->cancel(q);
}

/* Until the backing is done with something, or it's time to look for new orders. */
static void wait_done(const struct vdev_queue *q)
{
	struct pollfd done = { .fd = q->done_fd, .events = POLLIN };
	ssize_t n = 0;
	uint64_t count;

	if (poll(&done, 1, QUIESCE_POLL_MS) == 1)
		n = read(done.fd, &count, sizeof(count));
	(void)n;
}

/*
 * Nothing in flight may touch guest memory any more. A pause waits for all of
 * it; a stop tries to cancel it first, and then waits too: what the backing has
 * begun can't be called back.
 */
static int queue_quiesce(void *ctx, uint64_t until)
{
	struct vdev_queue *q = ctx;

	for (bool stop = false;;) {
		struct vdev_drain d = { 0 };

		if (!stop && worker_must_stop(q->worker)) {
			stop = true;
			end_early(q);
		}
		if (!q->in_flight)
			return 0;
		if (!worker_must_yield(q->worker))
			return -EINTR;
		reap(q, &d);
		q->ops->signal(q, &d);
		/* A full queue waits for a completion, and would miss this one: the timer drains. */
		q->reap_at = VDEV_AT_ONCE;
		if (!q->in_flight)
			return 0;
		if (io_clock_monotonic_now(NULL) >= until)
			return -ETIMEDOUT;
		wait_done(q);
	}
}

const struct worker_ops vdev_worker_ops = {
	.kick = queue_kick,
	.timer = queue_timer,
	.wake = queue_wake,
	.quiesce = queue_quiesce,
};
