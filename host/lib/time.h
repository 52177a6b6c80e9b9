/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's clock. Devices use a struct io_clock instead, which a test can set
 * by hand.
 */
#ifndef SS_LIB_TIME_H
#define SS_LIB_TIME_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

/** monotonic_ns() - CLOCK_MONOTONIC in ns; any thread may call it. */
static inline uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

#endif /* SS_LIB_TIME_H */
