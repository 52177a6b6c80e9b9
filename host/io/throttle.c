// SPDX-License-Identifier: GPL-2.0-only
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

/* What is missing for @n tokens when @ahead are somebody else's already. */
static uint64_t lack_behind(const struct bucket *b, uint64_t ahead, uint64_t n)
{
	__int128 lack;

	if (!b->rate || !n)
		return 0;
	lack = (n <= b->capacity ? (__int128)n : 0) + ahead - b->balance;
	if (lack <= 0)
		return 0;
	return lack > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)lack;
}

uint64_t bucket_lack(const struct bucket *b, uint64_t n)
{
	return lack_behind(b, 0, n);
}

void bucket_charge(struct bucket *b, uint64_t n)
{
	if (b->rate)
		b->balance -= n;
}

uint64_t bucket_wait_ns(const struct bucket *b, uint64_t lack)
{
	unsigned __int128 need, wait;

	if (!b->rate || !lack)
		return 0;
	need = (unsigned __int128)lack * IO_NSEC_PER_SEC - b->fraction;
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
	t->turn = 0;
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

static void throttle_explain(const struct throttle *t, uint64_t lack_ops, uint64_t lack_bytes,
			     struct throttle_verdict *verdict)
{
	const uint64_t wait_ops = bucket_wait_ns(&t->ops, lack_ops);
	const uint64_t wait_bytes = bucket_wait_ns(&t->bytes, lack_bytes);
	const bool ops_longer = wait_ops >= wait_bytes;

	*verdict = (struct throttle_verdict){
		.wait_ns = ops_longer ? wait_ops : wait_bytes,
		.lack = ops_longer ? lack_ops : lack_bytes,
		.bucket = (lack_ops ? SS_BUCKET_OPS : 0) | (lack_bytes ? SS_BUCKET_BYTES : 0),
	};
}

/* --- the line --- */

static struct throttle_party *party_of(struct throttle_waiter *w)
{
	return w->party ? w->party : &w->own;
}

/* A party's requests have one turn after the other, none that has passed. */
static void turn_take(const struct throttle *t, struct throttle_waiter *w)
{
	const struct throttle_party *party = party_of(w);

	w->turn = (party->turn > t->turn ? party->turn : t->turn) + 1;
}

static void line_join(struct throttle *t, struct throttle_waiter *w, uint64_t bytes)
{
	struct throttle_waiter **at = &t->waiters;

	w->bytes = bytes;
	if (w->waiting)
		return;
	while (*at && (*at)->turn <= w->turn)
		at = &(*at)->next;
	w->next = *at;
	*at = w;
	w->waiting = true;
	party_of(w)->waiting++;
	party_of(w)->turn = w->turn;
}

static void line_leave(struct throttle *t, struct throttle_waiter *w)
{
	struct throttle_waiter **at = &t->waiters;

	if (!w->waiting)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->waiting = false;
	party_of(w)->waiting--;
}

static void turn_granted(struct throttle *t, struct throttle_waiter *w)
{
	struct throttle_party *party = party_of(w);

	if (w->turn > t->turn)
		t->turn = w->turn;
	if (w->turn > party->turn)
		party->turn = w->turn;
}

/* Refills; does what there is suffice for all before @w, and for it? */
static bool look(struct throttle *t, const struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		 struct throttle_verdict *verdict)
{
	uint64_t ops_ahead = 0, bytes_ahead = 0, lack_ops, lack_bytes;

	for (const struct throttle_waiter *a = t->waiters; a && a != w; a = a->next) {
		if (w && a->turn > w->turn)
			break;
		ops_ahead++;
		bytes_ahead += a->bytes;
	}
	bucket_refill(&t->ops, now);
	bucket_refill(&t->bytes, now);
	lack_ops = lack_behind(&t->ops, ops_ahead, 1);
	lack_bytes = lack_behind(&t->bytes, bytes_ahead, bytes);
	if (!lack_ops && !lack_bytes)
		return true;
	throttle_explain(t, lack_ops, lack_bytes, verdict);
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
		turn_take(t, w);
	granted = look(t, w, bytes, now, verdict);
	if (granted) {
		bucket_charge(&t->ops, 1);
		bucket_charge(&t->bytes, bytes);
	}
	if (w && granted) {
		line_leave(t, w);
		turn_granted(t, w);
	} else if (w) {
		line_join(t, w, bytes);
	}
	pthread_mutex_unlock(&t->lock);
	return granted;
}

bool throttle_ask(struct throttle *t, uint64_t bytes, uint64_t now,
		  struct throttle_verdict *verdict)
{
	return ask(t, NULL, bytes, now, verdict);
}

bool throttle_ask_in_turn(struct throttle *t, struct throttle_waiter *w, uint64_t bytes,
			  uint64_t now, struct throttle_verdict *verdict)
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
	line_leave(t, w);
	for (; behind; behind = behind->next)
		if (behind->wake)
			behind->wake(behind);
	/* Turns it gave up aren't held against it. */
	if (!party_of(w)->waiting && party_of(w)->turn > t->turn)
		party_of(w)->turn = t->turn;
	pthread_mutex_unlock(&t->lock);
}

bool throttle_look(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		   struct throttle_verdict *verdict)
{
	bool enough;

	if (!throttle_limited(t))
		return true;
	pthread_mutex_lock(&t->lock);
	if (w && !w->waiting)
		turn_take(t, w);
	enough = look(t, w, bytes, now, verdict);
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
