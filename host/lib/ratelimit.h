/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines that a peer can have printed as often as it likes: so many at once, then
 * only counted until the time is over.
 */
#ifndef SS_RATELIMIT_H
#define SS_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define RATELIMIT_BURST	      10
#define RATELIMIT_INTERVAL_NS 10000000000ULL

/**
 * struct ratelimit - zeroed to begin with; for one thread
 * @begin: when the interval began, ns
 * @printed: lines of this interval
 * @missed: lines that weren't printed since the last that was
 */
struct ratelimit {
	uint64_t begin;
	unsigned int printed, missed;
};

/**
 * ratelimit_ok() - may a line be printed at @now, ns?
 * @missed: if so, how many weren't since the last, for the line to say
 */
static inline bool ratelimit_ok(struct ratelimit *r, uint64_t now, unsigned int *missed)
{
	if (!r->printed || now - r->begin >= RATELIMIT_INTERVAL_NS) {
		r->begin = now;
		r->printed = 0;
	}
	if (r->printed >= RATELIMIT_BURST) {
		r->missed++;
		return false;
	}
	r->printed++;
	*missed = r->missed;
	r->missed = 0;
	return true;
}

#endif /* SS_RATELIMIT_H */
