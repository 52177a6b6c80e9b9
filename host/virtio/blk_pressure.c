// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pressure on a disk: its throttle, and its profile over time. The workers
 * ask here for each request that got through the gates.
 */
#include "virtio/blk_priv.h"

#include <errno.h>

#include "lib/container_of.h"
#include "ss_events.h"

/*
 * How many changes of the limits that nobody has followed are made up for one by one:
 * two seconds' worth of the fastest square, which has 2000 a second.
 */
#define CATCH_UP 4096

int blk_pressure_init(struct blk *blk, const struct blk_config *config)
{
	struct blk_pressure *pr = &blk->pressure;

	pthread_mutex_init(&pr->lock, NULL);
	pr->base = config->limits;
	pr->profile = config->profile;
	if (pr->profile && config->throttle && profile_has_limits(pr->profile))
		return -EINVAL;
	pr->until = pr->profile && profile_has_limits(pr->profile) ? 0 : PROFILE_NEVER;
	return 0;
}

void blk_pressure_destroy(struct blk *blk)
{
	pthread_mutex_destroy(&blk->pressure.lock);
}

uint64_t blk_profile_began(const struct blk *blk)
{
	return blk->pressure.profile ? __atomic_load_n(&blk->pressure.start, __ATOMIC_ACQUIRE) : 0;
}

bool blk_pressure_asked(const struct blk *blk)
{
	return blk_profile_began(blk) || throttle_limited(blk->dev.throttle);
}

void blk_profile_start(struct blk *blk)
{
	uint64_t now = io_clock_now(&blk->dev.clock), none = 0;

	if (!blk->pressure.profile)
		return;
	if (__atomic_compare_exchange_n(&blk->pressure.start, &none, now ? now : 1, false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		blk_recheck(blk);
}

/* --- limits --- */

/*
 * Sets the limits of each change up to profile time @t as of the time of that
 * change, so that tokens are earned at the rate that held at the time.
 */
static void follow_locked(struct blk *blk, uint64_t start, uint64_t t)
{
	struct blk_pressure *pr = &blk->pressure;
	struct profile_limits l;
	uint64_t at = pr->until;

	for (unsigned int i = 0; at <= t; i++) {
		profile_limits_at(pr->profile, at, &l);
		throttle_set_limits(blk->dev.throttle, l.set ? &l.limits : &pr->base, start + at);
		/* This far behind, a bucket with a second's tokens is full anyway: go on from now. */
		at = l.until > t || i < CATCH_UP ? l.until : t;
		if (at == PROFILE_NEVER)
			break;
	}
	__atomic_store_n(&pr->until, at, __ATOMIC_RELEASE);
}

static void limits_follow(struct blk *blk, uint64_t start, uint64_t t)
{
	struct blk_pressure *pr = &blk->pressure;

	if (__atomic_load_n(&pr->until, __ATOMIC_ACQUIRE) > t)
		return;
	pthread_mutex_lock(&pr->lock);
	follow_locked(blk, start, t);
	pthread_mutex_unlock(&pr->lock);
}

int blk_pressure_set_limits(struct blk *blk, const struct throttle_limits *limits)
{
	struct blk_pressure *pr = &blk->pressure;
	struct profile_limits l = { .set = false };
	int ret = throttle_check(limits, NULL, 0);
	uint64_t start, now;

	if (ret)
		return ret;
	pthread_mutex_lock(&pr->lock);
	/* Not earlier: a worker may have followed the profile since. */
	start = blk_profile_began(blk);
	now = io_clock_now(&blk->dev.clock);
	if (start && now >= start) {
		follow_locked(blk, start, now - start);
		profile_limits_at(pr->profile, now - start, &l);
	}
	pr->base = *limits;
	if (!l.set)
		ret = throttle_set_limits(blk->dev.throttle, limits, now);
	pthread_mutex_unlock(&pr->lock);
	return ret;
}

void blk_limits(struct blk *blk, struct throttle_state *out)
{
	const uint64_t start = blk_profile_began(blk), now = io_clock_now(&blk->dev.clock);

	if (start && now > start)
		limits_follow(blk, start, now - start);
	throttle_get(blk->dev.throttle, now, out);
}

/* --- requests --- */

/* When the limits change, so may the answer. */
static void wait_for_limits(const struct blk *blk, uint64_t t, struct throttle_verdict *verdict)
{
	const uint64_t until = __atomic_load_n(&blk->pressure.until, __ATOMIC_ACQUIRE);

	if (until > t && verdict->predicted_ns > until - t)
		verdict->predicted_ns = until - t;
}

/* Stalled by the profile for @wait more: the longer of this and the throttle's. */
static void profile_stall(struct blk_queue *q, const struct blk_req *req, uint64_t now, uint64_t t,
			  uint64_t wait, struct throttle_verdict *verdict)
{
	struct throttle *throttle = q->blk->dev.throttle;

	/* Not queued: others shall have what this one can't use now. */
	throttle_leave(throttle, &q->base.waiter);
	if (throttle_peek(throttle, &q->base.waiter, req->bytes, now, verdict))
		*verdict = (struct throttle_verdict){ 0 };
	else
		wait_for_limits(q->blk, t, verdict);
	verdict->bucket |= SS_BUCKET_PROFILE;
	if (verdict->predicted_ns < wait)
		verdict->predicted_ns = wait;
}

bool blk_pressure_ask(struct blk_queue *q, struct blk_req *req, uint64_t now,
		      struct throttle_verdict *verdict)
{
	struct blk *blk = q->blk;
	struct blk_pressure *pr = &blk->pressure;
	const uint64_t start = blk_profile_began(blk);
	uint64_t t, stall, nr;

	if (!start)
		return throttle_ask_fair(blk->dev.throttle, &q->base.waiter, req->bytes, now,
					 verdict);
	t = now > start ? now - start : 0;
	limits_follow(blk, start, t);
	stall = profile_stall_until(pr->profile, t);
	if (stall) {
		profile_stall(q, req, now, t, stall - t, verdict);
		return false;
	}
	if (!throttle_ask_fair(blk->dev.throttle, &q->base.waiter, req->bytes, now, verdict)) {
		wait_for_limits(blk, t, verdict);
		return false;
	}
	nr = __atomic_fetch_add(&pr->nr, 1, __ATOMIC_RELAXED);
	req->inject = profile_fails(pr->profile, t, nr);
	req->delay_ns = profile_delay_ns(pr->profile, t, nr);
	return true;
}

uint64_t blk_profile_stalled(const struct vdev_queue *base, uint64_t from, uint64_t to)
{
	const struct blk *blk = container_of(base, struct blk_queue, base)->blk;
	const uint64_t start = blk_profile_began(blk);

	if (!start || to <= start)
		return 0;
	return profile_stalled_ns(blk->pressure.profile, from > start ? from - start : 0,
				  to - start);
}

/* --- completions that are kept back --- */

static void held_set_nr(struct blk_queue *q, unsigned int nr)
{
	__atomic_store_n(&q->base.held_nr, nr, __ATOMIC_RELAXED);
}

bool blk_hold(struct blk_queue *q, const struct blk_req *req)
{
	struct blk_held *last, *h;
	uint64_t publish_at;

	/* A ring that broke has no later. */
	if (!q->held || (!req->delay_ns && !q->base.held_nr) || q->base.vq.poison)
		return false;
	publish_at = req->start_ns + req->delay_ns;
	if (q->base.held_nr) {
		last = &q->held[(q->held_first + q->base.held_nr - 1) % VIRTQ_MAX_SIZE];
		publish_at = publish_at > last->publish_at ? publish_at : last->publish_at;
	}
	h = &q->held[(q->held_first + q->base.held_nr) % VIRTQ_MAX_SIZE];
	*h = (struct blk_held){ .req = *req, .publish_at = publish_at };
	held_set_nr(q, q->base.held_nr + 1);
	return true;
}

const struct blk_req *blk_held_next(struct blk_queue *q)
{
	const struct blk_held *h;

	if (!q->base.held_nr)
		return NULL;
	h = &q->held[q->held_first];
	return h->publish_at <= q->base.now || q->base.vq.poison ? &h->req : NULL;
}

void blk_held_drop(struct blk_queue *q)
{
	q->held_first = (q->held_first + 1) % VIRTQ_MAX_SIZE;
	held_set_nr(q, q->base.held_nr - 1);
}

uint64_t blk_held_publish_at(const struct blk_queue *q)
{
	return q->base.held_nr ? q->held[q->held_first].publish_at : WORKER_NO_DEADLINE;
}
