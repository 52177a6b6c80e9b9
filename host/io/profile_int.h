/* SPDX-License-Identifier: GPL-2.0-only */
/* A profile in memory: made by profile_parse.c, read by profile.c. */
#ifndef SS_IO_PROFILE_INT_H
#define SS_IO_PROFILE_INT_H

#include "io/profile.h"

#define PROFILE_ALWAYS 1000000u /* a chance, in millionths */

enum profile_rule_type {
	PROFILE_LIMIT,
	PROFILE_SQUARE,
	PROFILE_STALL,
	PROFILE_RANDOM_STALL,
	PROFILE_DELAY,
	PROFILE_ERROR,
	PROFILE_TRACE,
};

/**
 * struct profile_point - a line of a trace
 * @at: ns since the trace began
 * @set: a limit was given here or before
 * @limits: as they are from here on
 * @stall_end: the latest end of the stalls that began here or before, 0 none
 */
struct profile_point {
	uint64_t at;
	bool set;
	struct throttle_limits limits;
	uint64_t stall_end;
};

/**
 * struct profile_rule - a statement; times in ns
 * @from: @to: when it holds, @to excluded
 * @limits: of limit, and of square's first part
 * @other: of square's second part
 * @period: of square; between two stalls; a random stall's slot; a trace's
 *	repetition, 0 for none
 * @on: length of square's first part
 * @first: the first stall's time after @from
 * @min: @max: length of a stall; a delay
 * @chance: in millionths
 * @every: every so many requests; 0 for @chance
 * @point: @nr_points of a trace, sorted
 */
struct profile_rule {
	enum profile_rule_type type;
	uint64_t from, to;
	struct throttle_limits limits, other;
	uint64_t period, on, first;
	uint64_t min, max;
	uint32_t chance;
	uint64_t every;
	struct profile_point *point;
	unsigned int nr_points;
};

struct profile {
	uint64_t seed;
	uint64_t repeat; /* ns, 0: never */
	unsigned int nr_rules;
	struct profile_rule rule[PROFILE_MAX_RULES];
};

#endif /* SS_IO_PROFILE_INT_H */
