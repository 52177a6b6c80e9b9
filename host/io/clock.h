/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices' only source of time, so that a test can hold it in its hand.
 */
#ifndef SS_IO_CLOCK_H
#define SS_IO_CLOCK_H

#include <stdint.h>

#include "lib/time.h"

#define IO_NSEC_PER_SEC 1000000000ULL

/**
 * struct io_clock - a clock in ns that never goes back
 * @now: any thread may call it
 * @ctx: passed to @now
 */
struct io_clock {
	uint64_t (*now)(void *ctx);
	void *ctx;
};

static inline uint64_t io_clock_now(const struct io_clock *clock)
{
	return clock->now(clock->ctx);
}

static inline uint64_t io_clock_monotonic_now(void *ctx)
{
	(void)ctx;
	return monotonic_ns();
}

/* Its versions disagree about the braces. */
/* clang-format off */
/** IO_CLOCK_MONOTONIC_INIT - the host's CLOCK_MONOTONIC */
#define IO_CLOCK_MONOTONIC_INIT { .now = io_clock_monotonic_now }
/* clang-format on */

#endif /* SS_IO_CLOCK_H */
