/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by waits_*.c and tasks_sum.c: waits followed to their causes. */
#ifndef SS_WAITS_INT_H
#define SS_WAITS_INT_H

#include "analysis/tasks_int.h"

/* Who had the CPU longest while a task waited for it. */
struct wait_who {
	uint32_t task;
	uint64_t ns;
};

/** waits_spend() - take @steps from the budget. Return: whether there were so many. */
bool waits_spend(struct tasks_state *t, uint64_t steps);

/**
 * waits_ready() - split [@lo, @hi) of a T_READY span.
 * @by: by enum wait_cause, added to; what is added is hi - lo
 * @who: NULL, or set to somebody who ran longer than it says
 */
void waits_ready(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		 uint64_t *by, struct wait_who *who);

/** waits_blocked() - the same of a T_SLEEPS span, along who woke whom. */
void waits_blocked(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		   uint64_t *by);

/** waits_prepare() - once the IOs are split, before any of them. Return: 0 or -ENOMEM. */
int waits_prepare(struct tasks_state *t);

/** waits_io() - the IO whose completion ended a span, NULL none known. */
const struct a_io *waits_io(const struct tasks_state *t, const struct t_span *span);
/** waits_io_parts() - [@lo, @hi) of an IO's time by cause; what is before its start is returned. */
uint64_t waits_io_parts(const struct tasks_state *t, const struct a_io *io, int64_t lo, int64_t hi,
			uint64_t *by);

/** waits_chain() - the links of a wait, each the heaviest of its kind. */
void waits_chain(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		 struct wait_top *top);

/** waits_judge() - the verdict by the tasks' time. */
void waits_judge(const struct attr_state *s, struct attribution *a);

#endif /* SS_WAITS_INT_H */
