// SPDX-License-Identifier: GPL-2.0-only
/* The drain: from the available ring past the throttle to the used ring. */
#include "virtio/blk_priv.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <unistd.h>

#include "log.h"
#include "observe/counters.h"
#include "ss_events.h"
#include "ss_probes.h"

#define AT_ONCE		1 /* a deadline in the past */
#define POISON_WARNINGS 8

/* How often a stop or pause that waits for the backing looks for new orders. */
#define QUIESCE_POLL_MS 10

/*
 * A drain that has published and goes on for longer than this ends, so that the
 * guest hears of it, and the next begins at once: a first completion doesn't
 * wait for all that are behind it, and the guest makes new requests while the
 * worker serves the rest.
 */
#define DRAIN_NS 20000

/* How a stall ended, as the stall_end probe says it. */
enum stall_outcome {
	STALL_RETRIED = 0,
	STALL_GRANTED = 1,
	STALL_OVER = 2, /* reset, teardown, or the guest took the head away */
};

/* What one drain did. */
struct drain {
	uint64_t start;
	unsigned int chains;
	unsigned int published;
	bool due;   /* the guest shall hear of it: the next drain follows at once */
	bool again; /* left early: come back at once */
};

/* --- stalls --- */

static void stall_end(struct blk_queue *q, enum stall_outcome outcome)
{
	if (!q->stalled)
		return;
	ss_probe_stall_end(q->blk->index, q->index, q->stall_head, outcome);
	if (outcome == STALL_RETRIED)
		return;
	if (outcome == STALL_GRANTED)
		blk_lat_stalled(q, q->stall_since);
	q->stalled = false;
	q->deadline = WORKER_NO_DEADLINE;
	__atomic_store_n(&q->stall_since, 0, __ATOMIC_RELAXED);
	throttle_leave(q->blk->throttle, &q->waiter);
	counter_dec_floor(&q->blk->counters->currently_throttled_gauge);
}

static void stall_begin(struct blk_queue *q, uint16_t head, uint64_t now,
			const struct throttle_verdict *verdict)
{
	struct ss_blk_counters *counters = q->blk->counters;

	stall_end(q, STALL_RETRIED);
	if (!q->stalled) {
		counter_inc(&counters->currently_throttled_gauge);
		__atomic_store_n(&q->stall_since, now, __ATOMIC_RELAXED);
	}
	counter_inc(&counters->throttled_count);
	q->stalled = true;
	q->stall_head = head;
	if (__builtin_add_overflow(now, verdict->wait_ns, &q->deadline))
		q->deadline = UINT64_MAX;
	ss_probe_stall_begin(q->blk->index, q->index, head, verdict->bucket, verdict->lack,
			     verdict->wait_ns);
}

/* Asks throttle and profile; false: the head has to wait. */
static bool grant(struct blk_queue *q, struct blk_req *req)
{
	struct blk *blk = q->blk;
	struct throttle_verdict verdict;

	if (blk_pressure_asked(blk)) {
		q->now = io_clock_now(&blk->clock);
		if (!blk_pressure_ask(q, req, q->now, &verdict)) {
			stall_begin(q, req->head, q->now, &verdict);
			return false;
		}
	}
	stall_end(q, STALL_GRANTED);
	blk_lat_granted(q);
	req->start_ns = q->now;
	return true;
}

/* --- one chain --- */

static void chain_lost(struct blk_queue *q)
{
	counter_inc(&q->blk->counters->chains_dropped);
}

/*
 * The used element only after the status byte is there: a stale one would read
 * as a success that never was.
 */
static bool publish(struct blk_queue *q, const struct blk_req *req)
{
	/* Poisoned while it was in flight: nothing more is written. */
	if (q->vq.poison || guest_mem_write(q->vq.mem, req->status_gpa, &req->status, 1) ||
	    virtq_push(&q->vq, req->head, req->used_len)) {
		counter_inc(&q->blk->counters->io_errors);
		chain_lost(q);
		return false;
	}
	return true;
}

static void complete(struct blk_queue *q, const struct blk_req *req, struct drain *d)
{
	blk_lat_done(q, req->start_ns);
	if (!publish(q, req))
		return;
	d->published++;
	ss_probe_req_done(q->blk->index, q->index, req->head, req->status);
}

/* Publishes what the profile kept back and is due now. */
static void release(struct blk_queue *q, struct drain *d)
{
	const struct blk_req *req;

	while ((req = blk_held_next(q))) {
		if (req->delay_ns)
			ss_probe_req_backing_done(q->blk->index, q->index, req->head);
		complete(q, req, d);
		blk_held_drop(q);
	}
}

/* Takes what the backing is done with. */
static void reap(struct blk_queue *q, struct drain *d)
{
	struct blk_aio *aio;

	if (!q->flying)
		return;
	q->now = io_clock_now(&q->blk->clock);
	while ((aio = blk_aio_reap(q))) {
		if (!blk_hold(q, &aio->req))
			complete(q, &aio->req, d);
		blk_aio_put(q, aio);
	}
}

/* Starts what is in flight, and takes what is done at once. */
static void launch(struct blk_queue *q, struct drain *d)
{
	while (q->unstarted) {
		if (!blk_aio_commit(q)) {
			d->again = true;
			return;
		}
		/* A short one goes on, and has to be started again. */
		reap(q, d);
	}
}

/* Returns false if the chain was put back: the head is stalled. */
static bool handle_chain(struct blk_queue *q, const struct virtq_chain *chain, struct drain *d)
{
	struct blk_req req;

	switch (blk_req_parse(q, chain, &req)) {
	case BLK_DROP:
		stall_end(q, STALL_OVER);
		chain_lost(q);
		d->chains++;
		return true;
	case BLK_REJECT:
		stall_end(q, STALL_OVER);
		d->chains++;
		d->published += publish(q, &req);
		return true;
	case BLK_PASS:
		break;
	}
	if (!grant(q, &req)) {
		virtq_unpop(&q->vq);
		return false;
	}
	d->chains++;
	virtq_prefetch(&q->vq);
	if (blk_aio_start(q, &req)) {
		if (q->unstarted >= BLK_AIO_BATCH)
			launch(q, d);
		return true;
	}
	blk_req_run(q, &req);
	q->now = io_clock_now(&q->blk->clock);
	if (!blk_hold(q, &req))
		complete(q, &req, d);
	return true;
}

/* --- the bracket --- */

enum pass {
	PASS_EMPTY,
	PASS_STALLED,
	PASS_POISONED,
	PASS_DUE,
	PASS_FULL, /* the backing has enough */
	PASS_LEFT, /* ordered to stop or pause, or long enough for one interrupt */
};

static enum pass drain_pass(struct blk_queue *q, struct drain *d)
{
	struct virtq_chain chain = { .seg = q->seg, .max = BLK_SEG_MAX + 2 };
	int ret;

	for (;;) {
		if (worker_must_yield(q->worker) || d->chains >= q->vq.size)
			return PASS_LEFT;
		if (d->published && q->now - d->start >= DRAIN_NS)
			return PASS_DUE;
		if (blk_held_full(q))
			return PASS_STALLED;
		if (blk_aio_full(q))
			return PASS_FULL;
		ret = virtq_pop(&q->vq, &chain);
		blk_lat_seen(q);
		if (ret < 0)
			return PASS_POISONED;
		if (ret == 0) {
			stall_end(q, STALL_OVER);
			return PASS_EMPTY;
		}
		if (!handle_chain(q, &chain, d))
			return PASS_STALLED;
	}
}

/* Returns true if the ring turned out to be broken. */
static bool drain_ring(struct blk_queue *q, struct drain *d)
{
	enum pass pass;

	for (;;) {
		/* A hint to the driver; without it there are some more kicks. */
		virtq_disable_notify(&q->vq);
		pass = drain_pass(q, d);
		launch(q, d);
		switch (pass) {
		case PASS_POISONED:
			return true;
		case PASS_DUE:
			d->due = true;
			return false;
		case PASS_FULL:
			/* What comes back drains; unless it already has. */
			d->again |= !blk_aio_full(q);
			return false;
		case PASS_LEFT:
			d->again = true;
			return false;
		case PASS_STALLED:
			virtq_enable_notify(&q->vq);
			return false;
		case PASS_EMPTY:
			if (virtq_enable_notify(&q->vq) <= 0)
				return false;
		}
	}
}

/* The guest can do this as often as it likes; the terminal isn't its to fill. */
static void warn_poison(struct blk_queue *q)
{
	struct blk *blk = q->blk;
	const unsigned int nr = __atomic_fetch_add(&blk->poisons, 1, __ATOMIC_RELAXED);

	if (nr < POISON_WARNINGS)
		ss_warn("%s: queue %u: %s; the device waits for a reset by the guest%s", blk->name,
			q->index, virtq_poison_str(q->vq.poison),
			nr + 1 == POISON_WARNINGS ? " (further ones are counted only)" : "");
}

static void poisoned(struct blk_queue *q)
{
	struct blk *blk = q->blk;

	stall_end(q, STALL_OVER);
	counter_inc(&blk->counters->invalid_avail_idx_count);
	warn_poison(q);
	ss_probe_dev_event(blk->index, q->index, SS_DEV_POISON, q->vq.poison);
	virtio_mmio_set_needs_reset(&blk->mmio);
}

/* At most one interrupt, decided here. A poisoned ring isn't asked: yes. */
static void signal_guest(struct blk_queue *q, const struct drain *d, bool broken)
{
	uint32_t bits = 0;
	bool interrupt = broken;

	if (broken)
		bits |= VIRTIO_MMIO_INT_CONFIG;
	if (d->published)
		bits |= VIRTIO_MMIO_INT_VRING;
	if (d->published && !broken)
		interrupt = virtq_should_interrupt(&q->vq);
	if (!bits)
		return;
	if (interrupt)
		ss_probe_interrupt(q->blk->index, q->index);
	virtio_mmio_raise(&q->blk->mmio, bits, interrupt);
}

/* Late wiring of guest memory; without any there is nothing to drain. */
static bool wire_mem(struct blk_queue *q)
{
	const struct guest_mem *mem = virtio_mmio_mem(&q->blk->mmio);

	if (mem) {
		virtq_set_mem(&q->vq, mem);
		return true;
	}
	if (!__atomic_exchange_n(&q->blk->warned_mem, true, __ATOMIC_RELAXED))
		ss_warn("%s: a kick before there is guest memory: dropped", q->blk->name);
	return false;
}

enum why {
	BY_ORDER, /* a kick, or new limits */
	BY_TIMER,
	BY_DONE, /* the backing has finished something */
};

/* Only what was kept back or in flight is due; the stalled head isn't. */
static bool head_waits(const struct blk_queue *q, enum why why)
{
	if (!q->stalled || q->now >= q->deadline)
		return false;
	return why == BY_DONE || (why == BY_TIMER && q->held_nr);
}

static void drain_once(struct blk_queue *q, enum why why, struct drain *d)
{
	const struct blk *blk = q->blk;
	bool broken = false;

	ss_probe_drain_begin(blk->index, q->index);
	q->now = io_clock_now(&blk->clock);
	d->start = q->now;
	reap(q, d);
	launch(q, d);
	if (!head_waits(q, why)) {
		release(q, d);
		broken = drain_ring(q, d);
	}
	if (broken)
		poisoned(q);
	else
		release(q, d);
	signal_guest(q, d, broken);
	ss_probe_drain_end(blk->index, q->index, d->chains, d->published, q->stalled);
}

/* Returns when the worker shall look again. */
static uint64_t drain(struct blk_queue *q, enum why why)
{
	unsigned int chains = 0;
	struct drain d;

	if (!q->vq.ready || q->vq.poison || (!q->vq.mem && !wire_mem(q))) {
		q->deadline = WORKER_NO_DEADLINE;
		return q->deadline;
	}
	do {
		d = (struct drain){ 0 };
		drain_once(q, why, &d);
		chains += d.chains;
	} while (d.due && chains < q->vq.size);
	if (d.again || d.due)
		q->deadline = AT_ONCE;
	else if (!q->stalled)
		q->deadline = WORKER_NO_DEADLINE;
	return blk_wake_at(q);
}

void blk_queue_clear(struct blk_queue *q)
{
	stall_end(q, STALL_OVER);
	q->vq = (struct virtq){ 0 };
	q->deadline = WORKER_NO_DEADLINE;
	q->seen_idx = 0;
	__atomic_store_n(&q->held_nr, 0, __ATOMIC_RELAXED);
	q->unstarted = 0;
}

/* --- the worker's ops --- */

/* The backing's eventfd; what came back while the worker drained is long reaped. */
static uint64_t queue_done(struct blk_queue *q)
{
	struct drain d = { 0 };

	if (!q->flying)
		return blk_wake_at(q);
	if (!q->vq.poison)
		return drain(q, BY_DONE);
	reap(q, &d);
	launch(q, &d);
	return d.again ? AT_ONCE : WORKER_NO_DEADLINE;
}

/*
 * Nothing in flight may touch guest memory any more. A pause waits for all of
 * it; a stop tries to cancel it first, and then waits too: what the backing has
 * begun can't be called back.
 */
static int queue_quiesce(void *ctx, uint64_t until)
{
	struct blk_queue *q = ctx;
	bool cancelled = false;
	ssize_t count_taken = 0;
	uint64_t count;

	while (q->flying && worker_must_yield(q->worker)) {
		struct pollfd done = { .fd = q->bq->fd, .events = POLLIN };
		struct drain d = { 0 };

		if (!cancelled && worker_must_stop(q->worker)) {
			blk_aio_cancel(q);
			cancelled = true;
		}
		reap(q, &d);
		launch(q, &d);
		signal_guest(q, &d, false);
		if (!q->flying)
			break;
		if (io_clock_monotonic_now(NULL) >= until)
			return -ETIMEDOUT;
		if (poll(&done, 1, QUIESCE_POLL_MS) == 1)
			count_taken = read(done.fd, &count, sizeof(count));
		(void)count_taken;
	}
	return 0;
}

static uint64_t queue_kick(void *ctx, unsigned int index)
{
	struct blk_queue *q = ctx;

	if (index)
		return queue_done(q);
	ss_probe_kick(q->blk->index, q->index);
	/* The head is known to be blocked: the timer will drain. */
	if (q->stalled)
		return blk_wake_at(q);
	return drain(q, BY_ORDER);
}

static uint64_t queue_timer(void *ctx)
{
	return drain(ctx, BY_TIMER);
}

/* Start and resume need nothing: kicks wait in their eventfd, and so does the timer. */
static uint64_t queue_wake(void *ctx)
{
	struct blk_queue *q = ctx;

	if (__atomic_exchange_n(&q->recheck, false, __ATOMIC_ACQUIRE) && q->stalled)
		return drain(q, BY_ORDER);
	return blk_wake_at(q);
}

const struct worker_ops blk_worker_ops = {
	.kick = queue_kick,
	.timer = queue_timer,
	.wake = queue_wake,
	.quiesce = queue_quiesce,
};
