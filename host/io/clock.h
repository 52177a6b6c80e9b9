/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices' only source of time, so that a test can hold it in its hand.
 */
#ifndef SS_IO_CLOCK_H
#define SS_IO_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SS_NSEC_PER_SEC 1000000000ULL

/**
 * struct ss_clock - a clock in ns that never goes back
 * @now: any thread may call it
 * @ctx: passed to @now
 */
struct ss_clock {
	uint64_t (*now)(void *ctx);
	void *ctx;
};

static inline uint64_t ss_clock_now(const struct ss_clock *clock)
{
	return clock->now(clock->ctx);
}

static inline uint64_t ss_clock_monotonic_now(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SS_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/** SS_CLOCK_MONOTONIC_INIT - the host's CLOCK_MONOTONIC */
#define SS_CLOCK_MONOTONIC_INIT                                                                    \
	{                                                                                          \
		.now = ss_clock_monotonic_now                                                      \
	}

#endif /* SS_IO_CLOCK_H */
