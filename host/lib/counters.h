/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting: relaxed atomics on plain 64-bit words, so that anyone (a report,
 * bpftool through an mmapped map) reads them at any time without a lock.
 * Several workers may count into one struct.
 */
#ifndef SS_LIB_COUNTERS_H
#define SS_LIB_COUNTERS_H

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

/** counter_add_own() - counter_add() where nobody else writes: no locked instruction */
static inline void counter_add_own(__u64 *counter, __u64 n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/** counter_inc_own() - counter_inc() where nobody else writes */
static inline void counter_inc_own(__u64 *counter)
{
	counter_add_own(counter, 1);
}

/** counter_add_by() - one of @writers threads adds @n */
static inline void counter_add_by(__u64 *counter, __u64 n, unsigned int writers)
{
	if (writers == 1)
		counter_add_own(counter, n);
	else
		counter_add(counter, n);
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

#endif /* SS_LIB_COUNTERS_H */
