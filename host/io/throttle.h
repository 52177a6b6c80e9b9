/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The throttle: a token bucket for operations a second and one for bytes a
 * second, asked together. It keeps no thread and never sleeps: it says how
 * long the caller must wait.
 *
 * The fraction of a token that a refill leaves over is carried, so the
 * long-run rate is exact however often the bucket is asked.
 */
#ifndef SS_IO_THROTTLE_H
#define SS_IO_THROTTLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Highest rate and burst: far beyond any disk, and no sum below overflows. */
#define THROTTLE_MAX_RATE (1ULL << 50)

/**
 * struct bucket_limit - one bucket's limit
 * @rate: tokens a second, 0 for unlimited
 * @burst: capacity in tokens, 0 for one second of @rate
 */
struct bucket_limit {
	uint64_t rate;
	uint64_t burst;
};

/**
 * struct throttle_limits - a disk's limits
 * @ops: operations
 * @bytes: bytes moved
 */
struct throttle_limits {
	struct bucket_limit ops;
	struct bucket_limit bytes;
};

/**
 * struct bucket - a token bucket
 * @rate: tokens a second, 0 for unlimited
 * @capacity: the balance never grows past it
 * @balance: whole tokens; negative: debt
 * @fraction: of the next token, in 1e-9 tokens, below 1e9
 * @last: time of the last refill, ns
 */
struct bucket {
	uint64_t rate;
	uint64_t capacity;
	__int128 balance;
	uint64_t fraction;
	uint64_t last;
};

/** bucket_init() - a full bucket; @limit must have passed throttle_check() */
void bucket_init(struct bucket *b, const struct bucket_limit *limit, uint64_t now);

/** bucket_refill() - bring the balance up to @now (ns); an earlier @now does nothing */
void bucket_refill(struct bucket *b, uint64_t now);

/**
 * bucket_deficit() - what is missing before @n tokens are granted
 *
 * After bucket_refill(). n = 0 always passes; n up to the capacity needs n
 * tokens; more than the capacity needs a balance that isn't negative.
 *
 * Return: 0 if @n would be granted now, else the tokens missing.
 */
uint64_t bucket_deficit(const struct bucket *b, uint64_t n);

/** bucket_charge() - take @n tokens that bucket_deficit() found; may leave debt */
void bucket_charge(struct bucket *b, uint64_t n);

/**
 * bucket_predicted_ns() - time until @deficit more tokens are there, rounded up, saturating
 *
 * After bucket_refill(): counts from then, the carried fraction included.
 */
uint64_t bucket_predicted_ns(const struct bucket *b, uint64_t deficit);

/**
 * struct throttle_flow - one of those that share a throttle, such as a disk
 * @vtime: virtual time of its last request
 * @waiting: its waiters in the queue
 *
 * Zeroed at first, then the throttle's, under its lock.
 */
struct throttle_flow {
	uint64_t vtime;
	unsigned int waiting;
};

/**
 * struct throttle_waiter - whoever asks again and again, such as a queue
 * @flow: whose requests it asks for, set by its owner; NULL: it's a flow by itself
 * @wake: called when one before it has left without its tokens, under the throttle's
 *	lock: ask again soon. Set by its owner; NULL: it waits for its time
 * @own: @flow if that is NULL
 * @next: the one after it in the queue
 * @vtime: its request's virtual time, by which the queue is sorted
 * @bytes: what it waits for
 * @waiting: it is in the throttle's queue
 *
 * Zeroed at first, then all but @flow and @wake is the throttle's, under its lock;
 * its owner may read @waiting.
 */
struct throttle_waiter {
	struct throttle_flow *flow, own;
	void (*wake)(struct throttle_waiter *w);
	struct throttle_waiter *next;
	uint64_t vtime;
	uint64_t bytes;
	bool waiting;
};

/**
 * struct throttle - a pair of buckets; may be shared by queues and disks
 * @waiters: who was refused, in the order in which they are served
 * @vtime: the throttle's virtual time: the highest that was granted
 *
 * The lock is held for a few instructions, never over IO.
 */
struct throttle {
	pthread_mutex_t lock;
	bool limited; /* atomic: some rate isn't 0 */
	struct bucket ops;
	struct bucket bytes;
	struct throttle_waiter *waiters;
	uint64_t vtime;
};

/**
 * struct throttle_verdict - why a request must wait
 * @predicted_ns: the wait: the larger of the failing buckets', at least 1
 * @deficit: tokens missing in the bucket that waits longest
 * @bucket: enum ss_bucket: which ones lacked tokens
 */
struct throttle_verdict {
	uint64_t predicted_ns;
	uint64_t deficit;
	unsigned int bucket;
};

/**
 * throttle_check() - can these limits be set?
 * @err: gets one line for the user if not; may be NULL
 *
 * Return: 0; -EINVAL: a burst below its rate or without one; -ERANGE: beyond
 * THROTTLE_MAX_RATE.
 */
int throttle_check(const struct throttle_limits *limits, char *err, size_t err_len);

/** throttle_check_as() - the same, where operations a second go by another name, such as "pps" */
int throttle_check_as(const struct throttle_limits *limits, const char *ops, char *err,
		      size_t err_len);

/**
 * throttle_init() - both buckets full
 * @now: ns, of the clock used with this throttle ever after
 *
 * Return: 0 or throttle_check()'s error.
 */
int throttle_init(struct throttle *t, const struct throttle_limits *limits, uint64_t now);

void throttle_destroy(struct throttle *t);

/**
 * throttle_set_limits() - change the limits while in use; any thread
 *
 * Tokens and debts up to @now stay, capped by the new capacity; a bucket that
 * was unlimited starts full. Wake the workers that wait.
 *
 * Return: 0 or throttle_check()'s error, nothing changed then.
 */
int throttle_set_limits(struct throttle *t, const struct throttle_limits *limits, uint64_t now);

/**
 * throttle_ask() - may a request go now?
 * @bytes: it moves so many; it costs one operation besides
 * @verdict: filled when it must wait
 *
 * Both buckets are looked at first, and charged only if both pass. Any thread.
 *
 * Return: true: granted and charged.
 */
bool throttle_ask(struct throttle *t, uint64_t bytes, uint64_t now,
		  struct throttle_verdict *verdict);

/**
 * throttle_ask_fair() - the same for one of several that share fairly
 * @w: who asks
 *
 * Start-time fair queueing: tokens for those that were refused and come first by
 * virtual time are reserved for them, and @w is granted only tokens beyond that.
 * Refused, it is queued behind them, keeps its virtual time when it asks again, and is
 * dequeued when it's granted or by throttle_leave(). Each flow has one request after the
 * other in virtual time, whoever of the flow asks for them: a disk with four queues gets
 * no more than one with one. Of equal ones the first to come is the first served. So
 * no one starves. The wait is the time until there are tokens for all before it and
 * for @w.
 */
bool throttle_ask_fair(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		       struct throttle_verdict *verdict);

/** throttle_leave() - @w waits no longer; fine if it didn't. Who is behind it is woken */
void throttle_leave(struct throttle *t, struct throttle_waiter *w);

/**
 * throttle_peek() - would @w be granted @bytes now? Nothing is charged or kept
 * @w: may be NULL: somebody who comes last
 */
bool throttle_peek(struct throttle *t, struct throttle_waiter *w, uint64_t bytes, uint64_t now,
		   struct throttle_verdict *verdict);

/**
 * struct throttle_state - a throttle at some time
 * @limits: as set; a burst that is one second of its rate is 0
 * @ops: @bytes: balances in tokens, negative: debt
 * @waiters: queued
 */
struct throttle_state {
	struct throttle_limits limits;
	int64_t ops;
	int64_t bytes;
	unsigned int waiters;
};

/** throttle_get() - how it stands at @now, which isn't in the past; any thread */
void throttle_get(struct throttle *t, uint64_t now, struct throttle_state *out);

/** throttle_limited() - is any rate set? Without one throttle_ask() needs no clock */
static inline bool throttle_limited(const struct throttle *t)
{
	return __atomic_load_n(&t->limited, __ATOMIC_ACQUIRE);
}

#endif /* SS_IO_THROTTLE_H */
