// SPDX-License-Identifier: GPL-2.0-only
/* What the drain (vdev_queue.c) asks of a disk: gate, serve, reap, cancel and signal. */
#include "virtio/blk_priv.h"

#include <linux/virtio_mmio.h>

#include "lib/container_of.h"
#include "lib/counters.h"
#include "ss_probes.h"

/* How soon the backing is asked again for what it couldn't begin, mostly for want of memory. */
#define COMMIT_AGAIN_NS 1000000

static struct blk_queue *blk_queue_of(struct vdev_queue *base)
{
	return container_of(base, struct blk_queue, base);
}

/* --- the gate --- */

/* Asks throttle and profile; false: the head has to wait. */
static bool grant(struct blk_queue *q, struct blk_req *req, struct throttle_verdict *verdict)
{
	struct blk *blk = q->blk;

	if (blk_pressure_asked(blk)) {
		q->base.now = io_clock_now(&blk->dev.clock);
		if (!blk_pressure_ask(q, req, q->base.now, verdict))
			return false;
	}
	if (q->base.stalled)
		blk_lat_stalled(q, q->base.stall_since);
	blk_lat_granted(q);
	req->start_ns = q->base.now;
	return true;
}

static enum vdev_gate blk_gate(struct vdev_queue *base, struct throttle_verdict *verdict)
{
	struct blk_queue *q = blk_queue_of(base);
	enum vdev_gate gate;

	blk_lat_seen(q);
	gate = blk_req_parse(q, &base->chain, &q->req);
	if (gate != VDEV_SERVE)
		return gate;
	return grant(q, &q->req, verdict) ? VDEV_SERVE : VDEV_STALL;
}

/* --- the used ring --- */

static void chain_lost(struct blk_queue *q)
{
	counter_inc(&q->blk->counters->chains_dropped);
}

/*
 * The used element is published only once the status byte is there: a stale one
 * would read as a success that never was.
 */
static bool publish(struct blk_queue *q, const struct blk_req *req)
{
	/* Poisoned while it was in flight: nothing more is written. */
	if (q->base.vq.poison ||
	    guest_mem_write(q->base.vq.mem, req->status_gpa, &req->status, 1) ||
	    virtq_push(&q->base.vq, req->head, req->used_len)) {
		counter_inc(&q->blk->counters->io_errors);
		chain_lost(q);
		return false;
	}
	return true;
}

static void complete(struct blk_queue *q, const struct blk_req *req, struct vdev_drain *d)
{
	blk_lat_done(q, req->start_ns);
	if (!publish(q, req))
		return;
	d->published++;
	ss_probe_req_done(q->blk->dev.id, q->base.index, req->head, req->status);
}

/* Publishes what the profile kept back and is due now; a ring that broke loses all of it. */
static void release(struct blk_queue *q, struct vdev_drain *d)
{
	const struct blk_req *req;

	while ((req = blk_held_next(q))) {
		if (req->delay_ns)
			ss_probe_req_backing_done(q->blk->dev.id, q->base.index, req->head);
		complete(q, req, d);
		blk_held_drop(q);
	}
}

/* --- what is in flight --- */

/* Takes what the backing is done with. */
static void take_done(struct blk_queue *q, struct vdev_drain *d)
{
	struct blk_aio *aio;

	if (!q->base.in_flight)
		return;
	q->base.now = io_clock_now(&q->blk->dev.clock);
	while ((aio = blk_aio_reap(q))) {
		if (!blk_hold(q, &aio->req))
			complete(q, &aio->req, d);
		blk_aio_put(q, aio);
	}
}

/*
 * Starts what isn't started, and takes what is done. Return: when to commit again, if
 * the backing couldn't begin all of it.
 */
static uint64_t advance(struct blk_queue *q, struct vdev_drain *d)
{
	/* A short one goes on, and has to be started again. */
	do {
		const bool started = blk_aio_commit(q);

		take_done(q, d);
		if (!started)
			return io_clock_now(&q->blk->dev.clock) + COMMIT_AGAIN_NS;
	} while (q->unstarted);
	return WORKER_NO_DEADLINE;
}

static uint64_t blk_reap(struct vdev_queue *base, struct vdev_drain *d)
{
	struct blk_queue *q = blk_queue_of(base);
	const uint64_t commit_at = advance(q, d);

	release(q, d);
	return vdev_sooner(commit_at, blk_held_publish_at(q));
}

static void blk_cancel(struct vdev_queue *base)
{
	blk_aio_cancel(blk_queue_of(base));
}

/* --- one request --- */

/*
 * Here and now, while the worker waits. A backing's queue that completes at once would
 * spare this second path, but not for nothing: with requests stamped one by one, as they
 * must be, it took 22 % more instructions and 9 % more CPU where the backing does nothing,
 * and 8 % more CPU on tmpfs. The rules for the backing's answers are the same for both.
 */
static void execute(struct blk_queue *q, struct blk_req *req)
{
	enum blk_step step = BLK_MORE;
	struct blk_xfer x;

	if (!blk_req_is_xfer(req)) {
		blk_req_run(q, req);
		return;
	}
	ss_probe_req_start(q->blk->dev.id, q->base.index, req->head, req->type, req->sector,
			   req->bytes);
	if (blk_xfer_begin(q, req, &x, q->iov, BLK_IOV_MAX))
		step = BLK_FAILED;
	while (step == BLK_MORE)
		step = blk_xfer_step(q, req, &x, blk_xfer_call(q->blk->backing, &x));
	blk_xfer_end(q, req, &x, step);
}

static void blk_serve(struct vdev_queue *base, struct vdev_drain *d, enum vdev_gate gate)
{
	struct blk_queue *q = blk_queue_of(base);

	if (gate == VDEV_DROP) {
		chain_lost(q);
		return;
	}
	if (gate == VDEV_REJECT) {
		d->published += publish(q, &q->req);
		return;
	}
	virtq_prefetch(&base->vq);
	if (blk_aio_start(q, &q->req)) {
		if (q->unstarted >= BLK_AIO_BATCH)
			advance(q, d);
		return;
	}
	execute(q, &q->req);
	base->now = io_clock_now(&q->blk->dev.clock);
	if (!blk_hold(q, &q->req))
		complete(q, &q->req, d);
}

/* At most one interrupt, decided here. */
static void blk_signal(struct vdev_queue *base, const struct vdev_drain *d)
{
	const bool broken = d->end == VDEV_POISONED;
	const bool interrupt = vdev_wants_interrupt(base, d->published) || broken;
	uint32_t bits = 0;

	if (broken)
		bits |= VIRTIO_MMIO_INT_CONFIG;
	if (d->published)
		bits |= VIRTIO_MMIO_INT_VRING;
	if (bits)
		vdev_raise(base, bits, interrupt);
}

static enum vdev_end blk_pass(struct vdev_queue *q, struct vdev_drain *d)
{
	static const struct vdev_pass_ops ops = { .gate = blk_gate, .serve = blk_serve };

	return vdev_pass(q, d, &ops);
}

const struct vdev_queue_ops blk_queue_ops = {
	.pass = blk_pass,
	.reap = blk_reap,
	.cancel = blk_cancel,
	.signal = blk_signal,
	.ordered = blk_profile_stalled,
};

void blk_queue_flush(struct blk_queue *q)
{
	struct vdev_drain d = { .end = VDEV_EMPTY };

	if (!q->base.held_nr)
		return;
	/* As late as the last of them is due. */
	q->base.now = q->held[(q->held_first + q->base.held_nr - 1) % VIRTQ_MAX_SIZE].publish_at;
	release(q, &d);
	blk_signal(&q->base, &d);
}

void blk_queue_clear(struct blk_queue *q)
{
	q->seen_idx = 0;
	q->unstarted = 0;
}
