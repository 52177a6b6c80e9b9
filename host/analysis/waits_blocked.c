// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that is blocked waits for whoever wakes it: for an IO, whose parts are known,
 * or for another task. What that one did meanwhile is what the wait was for: it ran, it
 * was ready, or it was blocked itself and is followed on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/waits_int.h"

#define STEPS_PER_EVENT 48
#define STEPS_ALWAYS	(1ULL << 20)
#define BASELINE_MAX_NS 500000 /* what is slower has something in its way */

bool waits_spend(struct tasks_state *t, uint64_t steps)
{
	if (steps > t->budget)
		return false;
	t->budget -= steps;
	t->steps += steps;
	return true;
}

static int by_serial(const void *a, const void *b)
{
	const struct a_serial *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* When some disk's queue was stalled. */
static int add_stalls(struct tasks_state *t)
{
	for (unsigned int d = 0; d < SS_MAX_DISKS; d++)
		for (unsigned int q = 0; q < ATTR_MAX_QUEUES; q++) {
			const struct a_queue *queue = t->s->queue[d][q];

			for (uint32_t i = 0; queue && i < queue->stalls.nr; i++)
				if (ivals_add(&t->stalled, queue->stalls.p[i].a,
					      queue->stalls.p[i].b))
					return -ENOMEM;
			if (queue && queue->open_begin > queue->closed_begin &&
			    (ivals_add(&t->stalled, queue->open_begin, t->last) ||
			     ivals_add(&t->open, queue->open_begin, t->last)))
				return -ENOMEM;
		}
	ivals_seal(&t->stalled);
	ivals_seal(&t->open);
	return 0;
}

int waits_prepare(struct tasks_state *t)
{
	t->budget = STEPS_ALWAYS + STEPS_PER_EVENT * t->events;
	t->baseline = attr_hist_percentile(&t->s->total->part[ATTR_BACKING], 100);
	if (t->baseline > BASELINE_MAX_NS)
		t->baseline = BASELINE_MAX_NS;
	if (t->s->ios) {
		t->serial = malloc(t->s->ios * sizeof(*t->serial));
		if (!t->serial)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->s->ios; i++)
		if (t->s->io[i].serial)
			t->serial[t->serials++] = (struct a_serial){ t->s->io[i].serial, i };
	if (t->serials > 1)
		qsort(t->serial, t->serials, sizeof(*t->serial), by_serial);
	return add_stalls(t);
}

const struct a_io *waits_io(const struct tasks_state *t, const struct t_span *span)
{
	struct a_serial key = { .serial = span->who };
	const struct a_serial *found = NULL;

	if (t->serials && span->flags & T_IO)
		found = bsearch(&key, t->serial, t->serials, sizeof(key), by_serial);
	return found ? &t->s->io[found->io] : NULL;
}

uint64_t waits_io_parts(const struct tasks_state *t, const struct a_io *io, int64_t lo, int64_t hi,
			uint64_t *by)
{
	uint64_t part[ATTR_PARTS] = { 0 }, worker, before, usual;

	before = attr_split_span(t->s, io, lo, hi, part, &worker);
	usual = part[ATTR_BACKING] < t->baseline ? part[ATTR_BACKING] : t->baseline;
	by[WAIT_BASELINE] += usual;
	by[WAIT_BACKING] += part[ATTR_BACKING] - usual;
	by[WAIT_THROTTLE] += part[ATTR_THROTTLE];
	by[WAIT_WORKER] += part[ATTR_WORKER];
	by[WAIT_HOST_WORKER] += worker;
	by[WAIT_HOST_VCPU] += part[ATTR_HOST] - worker;
	by[WAIT_GUEST_QUEUE] += part[ATTR_GUEST_QUEUE];
	by[WAIT_COMPLETION] += part[ATTR_COMPLETION];
	by[WAIT_UNKNOWN] += part[ATTR_UNKNOWN];
	return before;
}

struct chain {
	struct tasks_state *t;
	uint64_t *by;
	unsigned int depth;
};

static void follow_task(struct chain *c, uint32_t task, int64_t lo, int64_t hi);

static void lost(struct chain *c, uint64_t ns)
{
	c->by[WAIT_UNKNOWN] += ns;
	c->t->lost_links += ns > 0;
}

/* Who finishes an IO may have had to wait for a CPU before: then it isn't the way back that took so long. */
static void ready_completer(struct chain *c, uint32_t waker, int64_t lo, int64_t hi, uint64_t back)
{
	struct tasks_state *t = c->t;
	const struct t_task *k = &t->task[waker];

	for (uint32_t i = tasks_span_at(k, lo); i < k->spans && k->span[i].t < hi; i++) {
		int64_t a = clamp64(k->span[i].t, lo, hi);
		int64_t b = clamp64(tasks_span_end(t, k, i), lo, hi);

		if (k->span[i].state != T_READY || b <= a || (uint64_t)(b - a) > back)
			continue;
		if (!waits_spend(t, 1))
			return;
		back -= (uint64_t)(b - a);
		c->by[WAIT_COMPLETION] -= (uint64_t)(b - a);
		waits_ready(t, waker, i, a, b, c->by, NULL);
	}
}

static void follow_io(struct chain *c, uint32_t task, const struct t_span *span, uint32_t waker,
		      int64_t lo, int64_t hi)
{
	const struct a_io *io = waits_io(c->t, span);
	uint64_t back = c->by[WAIT_COMPLETION], before;
	uint32_t by = io ? tasks_find(c->t, io->tid) : TASKS_NONE;

	if (!io) {
		lost(c, (uint64_t)(hi - lo));
		return;
	}
	before = waits_io_parts(c->t, io, lo, hi, c->by);
	back = c->by[WAIT_COMPLETION] - back;
	if (waker != TASKS_NONE && back)
		ready_completer(c, waker, hi - (int64_t)back, hi, back);
	/* Until somebody else had sent it, it waited for that one. */
	if (before && by != TASKS_NONE && by != task)
		follow_task(c, by, lo, lo + (int64_t)before);
	else
		c->by[WAIT_GUEST_QUEUE] += before;
}

/* Nobody has woken it: a stall that goes on is what can be known of. */
static void follow_open(struct chain *c, int64_t lo, int64_t hi)
{
	uint64_t stalled = ivals_cover(&c->t->open, lo, hi);

	c->by[WAIT_THROTTLE] += stalled;
	lost(c, (uint64_t)(hi - lo) - stalled);
}

static void follow_span(struct chain *c, uint32_t task, uint32_t i, int64_t lo, int64_t hi)
{
	const struct t_task *k = &c->t->task[task];
	const struct t_span *span = &k->span[i];
	bool woken = i + 1 < k->spans && span[1].state == T_READY;

	if (hi <= lo)
		return;
	if (span->flags & T_ASLEEP)
		c->by[WAIT_PARTNER] += (uint64_t)(hi - lo);
	else if (span->flags & T_OPEN)
		follow_open(c, lo, hi);
	else if (span->flags & T_IO)
		follow_io(c, task, span, woken ? span[1].who : TASKS_NONE, lo, hi);
	else if (woken && span[1].who != TASKS_NONE)
		follow_task(c, span[1].who, lo, hi);
	else
		lost(c, (uint64_t)(hi - lo));
}

/* A task's part in somebody's wait, [lo, hi) of it; before its time it was its parent's. */
static void take_part(struct chain *c, uint32_t task, int64_t lo, int64_t hi)
{
	struct tasks_state *t = c->t;
	const struct t_task *k = &t->task[task];
	int64_t born = k->spans ? clamp64(k->span[0].t, lo, hi) : hi;

	if (born > lo && k->parent != TASKS_NONE)
		follow_task(c, k->parent, lo, born);
	else
		lost(c, (uint64_t)(born - lo));
	for (uint32_t i = k->spans ? tasks_span_at(k, lo) : 0; i < k->spans && k->span[i].t < hi;
	     i++) {
		int64_t a = clamp64(k->span[i].t, lo, hi);
		int64_t b = clamp64(tasks_span_end(t, k, i), lo, hi);

		if (i + 1 == k->spans)
			b = hi;
		if (!waits_spend(t, 1)) {
			t->coarse++;
			c->by[WAIT_UNKNOWN] += (uint64_t)(hi - a);
			return;
		}
		if (k->span[i].state == T_RUNS)
			c->by[WAIT_SERVED] += (uint64_t)(b - a);
		else if (k->span[i].state == T_READY)
			waits_ready(t, task, i, a, b, c->by, NULL);
		else if (k->span[i].state == T_SLEEPS)
			follow_span(c, task, i, a, b);
		else
			lost(c, (uint64_t)(b - a));
	}
}

static void follow_task(struct chain *c, uint32_t task, int64_t lo, int64_t hi)
{
	struct t_task *k = &c->t->task[task];

	if (c->depth == TASKS_MAX_LINKS || k->mark) {
		lost(c, (uint64_t)(hi - lo));
		return;
	}
	k->mark = true;
	c->depth++;
	take_part(c, task, lo, hi);
	c->depth--;
	k->mark = false;
}

void waits_blocked(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		   uint64_t *by)
{
	struct chain c = { .t = t, .by = by };

	t->task[task].mark = true;
	follow_span(&c, task, span, lo, hi);
	t->task[task].mark = false;
}
