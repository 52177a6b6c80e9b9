// SPDX-License-Identifier: GPL-2.0-only
/* Token buckets, the pair of them that is a throttle, and fair queueing for those who share it. */
#include "io/throttle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "io/clock.h"
#include "ss_events.h"

/* --- one bucket --- */

static uint64_t limit_capacity(const struct bucket_limit *limit)
{
	return limit->burst ? limit->burst : limit->rate;
}

void bucket_init(struct bucket *b, const struct bucket_limit *limit, uint64_t now)
{
	*b = (struct bucket){
		.rate = limit->rate,
		.capacity = limit_capacity(limit),
		.balance = limit_capacity(limit),
		.last = now,
	};
}

void bucket_refill(struct bucket *b, uint64_t now)
{
	unsigned __int128 earned; /* in 1e-9 tokens */

	if (now <= b->last)
		return;
	earned = (unsigned __int128)(now - b->last) * b->rate + b->fraction;
	b->last = now;
	b->fraction = (uint64_t)(earned % IO_NSEC_PER_SEC);
	b->balance += (__int128)(earned / IO_NSEC_PER_SEC);
	/* A full bucket overflows, to the last fraction of a token. */
	if (b->balance >= (__int128)b->capacity) {
		b->balance = b->capacity;
		b->fraction = 0;
	}
}

/* Tokens missing for @n of them, when @ahead are reserved for somebody else. */
static uint64_t deficit_behind(const struct bucket *b, uint64_t ahead, uint64_t n)
{
	__int128 deficit;

	if (!b->rate || !n)
		return 0;
	deficit = (n <= b->capacity ? (__int128)n : 0) + ahead - b->balance;
	if (deficit <= 0)
		return 0;
	return deficit > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)deficit;
}

uint64_t bucket_deficit(const struct bucket *b, uint64_t n)
{
	return deficit_behind(b, 0, n);
}

void bucket_charge(struct bucket *b, uint64_t n)
{
	if (b->rate)
		b->balance -= n;
}

uint64_t bucket_predicted_ns(const struct bucket *b, uint64_t deficit)
{
	unsigned __int128 need, wait;

	if (!b->rate || !deficit)
		return 0;
	need = (unsigned __int128)deficit * IO_NSEC_PER_SEC - b->fraction;
	wait = (need + b->rate - 1) / b->rate;
	return wait > UINT64_MAX ? UINT64_MAX : (uint64_t)wait;
}

/* --- the pair --- */

static int limit_check(const struct bucket_limit *limit, const char *rate, char *err,
		       size_t err_len)
{
	char burst[32];

	snprintf(burst, sizeof(burst), "%s_burst", rate);
	if (limit->rate > THROTTLE_MAX_RATE || limit->burst > THROTTLE_MAX_RATE) {
		const bool bad_rate = limit->rate > THROTTLE_MAX_RATE;

		snprintf(err, err_len, "%s=%" PRIu64 " is too high: at most %llu",
			 bad_rate ? rate : burst, bad_rate ? limit->rate : limit->burst,
			 THROTTLE_MAX_RATE);
		return -ERANGE;
	}
	if (limit->burst && !limit->rate) {
		snprintf(err, err_len, "%s=%" PRIu64 " without %s: give a rate, or drop the burst",
			 burst, limit->burst, rate);
		return -EINVAL;
	}
	if (limit->burst && limit->burst < limit->rate) {
		snprintf(err, err_len,
			 "%s=%" PRIu64 " is below %s=%" PRIu64
			 ": a burst holds at least one second of its rate",
			 burst, limit->burst, rate, limit->rate);
		return -EINVAL;
	}
	return 0;
}

int throttle_check_as(const struct throttle_limits *limits, const char *ops, char *err,
		      size_t err_len)
{
	char none[1];
	int ret;

	if (!err) {
		err = none;
		err_len = sizeof(none);
	}
	ret = limit_check(&limits->ops, ops, err, err_len);
	if (ret)
		return ret;
	return limit_check(&limits->bytes, "bps", err, err_len);
}

int throttle_check(const struct throttle_limits *limits, char *err, size_t err_len)
{
	return throttle_check_as(limits, "iops", err, err_len);
}

static bool any_limit(const struct throttle_limits *limits)
{
	return limits->ops.rate || limits->bytes.rate;
}

int throttle_init(struct throttle *t, const struct throttle_limits *limits, uint64_t now)
{
	int ret = throttle_check(limits, NULL, 0);

	if (ret)
		return ret;
	pthread_mutex_init(&t->lock, NULL);
	bucket_init(&t->ops, &limits->ops, now);
	bucket_init(&t->bytes, &limits->bytes, now);
	t->limited = any_limit(limits);
	t->waiters = NULL;
	t->vtime = 0;
	return 0;
}

void throttle_destroy(struct throttle *t)
{
	pthread_mutex_destroy(&t->lock);
}

static void bucket_set_limit(struct bucket *b, const struct bucket_limit *limit, uint64_t now)
{
	if (!b->rate || !limit->rate) {
		bucket_init(b, limit, now);
		return;
	}
	bucket_refill(b, now);
	b->rate = limit->rate;
	b->capacity = limit_capacity(limit);
	if (b->balance >= (__int128)b->capacity) {
		b->balance = b->capacity;
		b->fraction = 0;
	}
}

int throttle_set_limits(struct throttle *t, const struct throttle_limits *limits, uint64_t now)
{
	int ret = throttle_check(limits, NULL, 0);

	if (ret)
		return ret;
	pthread_mutex_lock(&t->lock);
	bucket_set_limit(&t->ops, &limits->ops, now);
	bucket_set_limit(&t->bytes, &limits->bytes, now);
	__atomic_store_n(&t->limited, any_limit(limits), __ATOMIC_RELEASE);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static void throttle_explain(const struct throttle *t, uint64_t deficit_ops, uint64_t deficit_bytes,
			     struct throttle_verdict *verdict)
{
	const uint64_t predicted_ops = bucket_predicted_ns(&t->ops, deficit_ops);
	const uint64_t predicted_bytes = bucket_predicted_ns(&t->bytes, deficit_bytes);
	const bool ops_longer = predicted_ops >= predicted_bytes;

	*verdict = (struct throttle_verdict){
		.predicted_ns = ops_longer ? predicted_ops : predicted_bytes,
		.deficit = ops_longer ? deficit_ops : deficit_bytes,
		.bucket = (deficit_ops ? SS_BUCKET_OPS : 0) | (deficit_bytes ? SS_BUCKET_BYTES : 0),
	};
}

/* --- the waiter queue --- */

static struct throttle_flow *flow_of(struct throttle_waiter *w)
{
	return w->flow ? w->flow : &w->own;
}

/*
 * Start-time fair queueing, each request of weight one: a request's virtual time is
 * one after its flow's last, or after that of the last one granted, whichever is later.
 */
static void vtime_assign(const struct throttle *t, struct throttle_waiter *w)
{
	const struct throttle_flow *flow = flow_of(w);

	w->vtime = (flow->vtime > t->vtime ? flow->vtime : t->vtime) + 1;
}

static void waiter_queue(struct throttle *t, struct throttle_waiter *w, uint64_t bytes)
{
	struct throttle_waiter **at = &t->waiters;

	w->bytes = bytes;
	if (w->waiting)
		return;
	while (*at && (*at)->vtime <= w->vtime)
		at = &(*at)->next;
	w->next = *at;
	*at = w;
	w->waiting = true;
	flow_of(w)->waiting++;
	flow_of(w)->vtime = w->vtime;
}

static void waiter_dequeue(struct throttle *t, struct throttle_waiter *w)
{
	struct throttle_waiter **at = &t->waiters;

	if (!w->waiting)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->waiting = false;
	flow_of(w)->waiting--;
}

static void vtime_advance(struct throttle *t, struct throttle_waiter *w)
{
	struct throttle_flow *flow = flow_of(w);

	if (w->vtime > t->vtime)
		t->vtime = w->vtime;
	if (w->vtime > flow->vtime)
		flow->vtime = w->vtime;
}

/* Refills the buckets; are there enough tokens for all before @w, and for it? */
static bool suffices(struct throttle *t, const struct throttle_waiter *w, uint64_t bytes,
		     uint64_t now, struct throttle_verdict *verdict)
{
	uint64_t ops_ahead = 0, bytes_ahead = 0, deficit_ops, deficit_bytes;

	for (const struct throttle_waiter *a = t->waiters; a && a != w; a = a->next) {
		if (w && a->vtime > w->vtime)
			break;
		ops_ahead++;
		bytes_ahead += a->bytes;
	}
	bucket_refill(&t->ops, now);
	bucket_refill(&t->bytes, now);
	deficit_ops = deficit_behind(&t->ops, ops_ahead, 1);
	deficit_bytes = deficit_behind(&t->bytes, bytes_ahead, bytes);
	if (!deficit_ops && !deficit_bytes)
		return true;
	throttle_explain(t, deficit_ops, deficit_bytes, verdict);
	return false;
}

static bool ask(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		struct throttle_verdict *verdict)
{
	bool granted;

	if (!throttle_limited(t))
		return true;
	pthread_mutex_lock(&t->lock);
	if (w && !w->waiting)
		vtime_assign(t, w);
	granted = suffices(t, w, bytes, now, verdict);
	if (granted) {
		bucket_charge(&t->ops, 1);
		bucket_charge(&t->bytes, bytes);
	}
	if (w && granted) {
		waiter_dequeue(t, w);
		vtime_advance(t, w);
	} else if (w) {
		waiter_queue(t, w, bytes);
	}
	pthread_mutex_unlock(&t->lock);
	return granted;
}

bool throttle_ask(struct throttle *t, uint64_t bytes, uint64_t now,
		  struct throttle_verdict *verdict)
{
	return ask(t, NULL, bytes, now, verdict);
}

bool throttle_ask_fair(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		       struct throttle_verdict *verdict)
{
	return ask(t, w, bytes, now, verdict);
}

void throttle_leave(struct throttle *t, struct throttle_waiter *w)
{
	struct throttle_waiter *behind;

	if (!w->waiting)
		return;
	pthread_mutex_lock(&t->lock);
	behind = w->next;
	waiter_dequeue(t, w);
	for (; behind; behind = behind->next)
		if (behind->wake)
			behind->wake(behind);
	/* Virtual time that it gave up isn't held against it. */
	if (!flow_of(w)->waiting && flow_of(w)->vtime > t->vtime)
		flow_of(w)->vtime = t->vtime;
	pthread_mutex_unlock(&t->lock);
}

bool throttle_peek(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		   struct throttle_verdict *verdict)
{
	bool enough;

	if (!throttle_limited(t))
		return true;
	pthread_mutex_lock(&t->lock);
	if (w && !w->waiting)
		vtime_assign(t, w);
	enough = suffices(t, w, bytes, now, verdict);
	pthread_mutex_unlock(&t->lock);
	return enough;
}

/* --- for those who look on --- */

static struct bucket_limit bucket_limits(const struct bucket *b)
{
	return (struct bucket_limit){ b->rate, b->capacity == b->rate ? 0 : b->capacity };
}

static int64_t bucket_balance(const struct bucket *b)
{
	return b->balance < INT64_MIN ? INT64_MIN : (int64_t)b->balance;
}

void throttle_get(struct throttle *t, uint64_t now, struct throttle_state *out)
{
	pthread_mutex_lock(&t->lock);
	bucket_refill(&t->ops, now);
	bucket_refill(&t->bytes, now);
	*out = (struct throttle_state){
		.limits = { .ops = bucket_limits(&t->ops), .bytes = bucket_limits(&t->bytes) },
		.ops = bucket_balance(&t->ops),
		.bytes = bucket_balance(&t->bytes),
	};
	for (const struct throttle_waiter *w = t->waiters; w; w = w->next)
		out->waiters++;
	pthread_mutex_unlock(&t->lock);
}
