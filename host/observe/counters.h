/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting: relaxed atomics on plain 64-bit words, so that anyone (a report,
 * bpftool through an mmapped map) reads them at any time without a lock.
 * Several workers may count into one struct.
 */
#ifndef SS_OBSERVE_COUNTERS_H
#define SS_OBSERVE_COUNTERS_H

#include <stdbool.h>

#include "ss_counters.h"

/** counter_add() - add @n to a counter */
static inline void counter_add(__u64 *counter, __u64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/** counter_inc() - count one event */
static inline void counter_inc(__u64 *counter)
{
	counter_add(counter, 1);
}

/** counter_add_own() - counter_add() where nobody else writes: plain load and store */
static inline void counter_add_own(__u64 *counter, __u64 n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/** counter_inc_own() - counter_inc() where nobody else writes */
static inline void counter_inc_own(__u64 *counter)
{
	counter_add_own(counter, 1);
}

/** counter_dec_floor() - take one from a gauge, never below 0 */
static inline void counter_dec_floor(__u64 *gauge)
{
	__u64 old = __atomic_load_n(gauge, __ATOMIC_RELAXED);

	while (old && !__atomic_compare_exchange_n(gauge, &old, old - 1, true, __ATOMIC_RELAXED,
						   __ATOMIC_RELAXED))
		;
}

/** counter_get() - read a counter */
static inline __u64 counter_get(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* A request's count and its bytes move together; nothing else moves either. */

/** blk_count_read() - a read completed that the file gave @bytes for */
static inline void blk_count_read(struct ss_blk_counters *c, __u64 bytes)
{
	counter_inc(&c->reads_completed);
	counter_add(&c->bytes_read, bytes);
}

/** blk_count_write() - a write of @bytes completed */
static inline void blk_count_write(struct ss_blk_counters *c, __u64 bytes)
{
	counter_inc(&c->writes_completed);
	counter_add(&c->bytes_written, bytes);
}

#endif /* SS_OBSERVE_COUNTERS_H */
