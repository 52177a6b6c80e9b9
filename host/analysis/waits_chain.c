// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chain of one wait, for people: at each link whoever the wait was longest for, down
 * to an IO or to what kept somebody off the CPUs.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/waits_int.h"

const char *wait_cause_name(enum wait_cause c)
{
	static const char *const name[] = {
		[WAIT_THROTTLE] = "throttle",
		[WAIT_BACKING] = "backing",
		[WAIT_WORKER] = "worker",
		[WAIT_HOST_VCPU] = "host_vcpu",
		[WAIT_HOST_WORKER] = "host_worker",
		[WAIT_SCHED_IDLE] = "scheduler_idle",
		[WAIT_SCHED_UNFAIR] = "scheduler_unfair",
		[WAIT_RT] = "rt",
		[WAIT_SATURATION] = "saturation",
		[WAIT_TOOL] = "tool",
		[WAIT_WAKE_UP] = "wake_up",
		[WAIT_GUEST_QUEUE] = "guest_queue",
		[WAIT_COMPLETION] = "completion",
		[WAIT_BASELINE] = "baseline",
		[WAIT_SERVED] = "served",
		[WAIT_PARTNER] = "partner",
		[WAIT_UNKNOWN] = "unknown",
	};

	return (unsigned int)c < WAIT_CAUSES ? name[c] : "unknown";
}

static struct wait_link *new_link(struct wait_top *top, enum wait_link_kind kind, uint64_t ns)
{
	struct wait_link *l = &top->link[top->links++];

	*l = (struct wait_link){ .kind = (uint8_t)kind, .ns = ns };
	return l;
}

static void link_cause(struct wait_top *top, const uint64_t *by)
{
	unsigned int best = 0;
	struct wait_link *l;

	for (unsigned int c = 1; c < WAIT_CAUSES; c++)
		if (by[c] > by[best])
			best = c;
	l = new_link(top, WAIT_LINK_CAUSE, by[best]);
	l->cause = (uint8_t)best;
}

static void link_task(const struct tasks_state *t, struct wait_top *top, uint32_t task, uint64_t ns)
{
	struct wait_link *l = new_link(top, WAIT_LINK_TASK, ns);
	const struct t_info *i = tasks_info(t, task, t->end);

	l->tid = t->task[task].tid;
	if (i)
		memcpy(l->comm, i->rec.comm, sizeof(l->comm));
}

struct step {
	uint32_t task, span;
	int64_t lo, hi;
};

/* What took @task longest in [lo, hi): false if that was running. */
static bool heaviest(struct tasks_state *t, uint32_t task, struct step *s)
{
	const struct t_task *k = &t->task[task];
	const int64_t lo = s->lo, hi = s->hi;
	int64_t ran = 0, best = 0;

	for (uint32_t i = k->spans ? tasks_span_at(k, lo) : 0; i < k->spans && k->span[i].t < hi;
	     i++) {
		int64_t a = clamp64(k->span[i].t, lo, hi);
		int64_t b = i + 1 < k->spans ? clamp64(tasks_span_end(t, k, i), lo, hi) : hi;

		if (k->span[i].state == T_RUNS) {
			ran += b - a;
		} else if (b - a > best && k->span[i].state != T_DEAD) {
			best = b - a;
			*s = (struct step){ .task = task, .span = i, .lo = a, .hi = b };
		}
	}
	return best > ran;
}

/* One link on. Return: whether there is another one. */
static bool go_on(struct tasks_state *t, struct step *s, struct wait_top *top)
{
	const struct t_task *k = &t->task[s->task];
	const struct t_span *span = &k->span[s->span];
	uint64_t by[WAIT_CAUSES] = { 0 }, ns = (uint64_t)(s->hi - s->lo);
	bool woken = s->span + 1 < k->spans && span[1].state == T_READY;
	const struct a_io *io = waits_io(t, span);
	uint32_t waker = woken ? span[1].who : TASKS_NONE;

	if (span->state == T_READY) {
		waits_ready(t, s->task, s->span, s->lo, s->hi, by, NULL);
		link_cause(top, by);
		return false;
	}
	if (io)
		new_link(top, WAIT_LINK_DISK, ns)->tid = io->key.disk;
	if (io || span->flags & (T_OPEN | T_ASLEEP | T_IO) || waker == TASKS_NONE ||
	    t->task[waker].mark) {
		waits_blocked(t, s->task, s->span, s->lo, s->hi, by);
		link_cause(top, by);
		return false;
	}
	link_task(t, top, waker, ns);
	t->task[s->task].mark = true;
	if (!heaviest(t, waker, s)) {
		by[WAIT_SERVED] = ns;
		link_cause(top, by);
		return false;
	}
	return true;
}

void waits_chain(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		 struct wait_top *top)
{
	struct step s = { .task = task, .span = span, .lo = lo, .hi = hi };
	uint32_t seen[TASKS_MAX_LINKS + 1], nr = 0;

	top->links = 0;
	/* Two links at most are made at once. */
	do
		seen[nr++] = s.task;
	while (top->links + 2 < TASKS_MAX_LINKS && go_on(t, &s, top));
	while (nr)
		t->task[seen[--nr]].mark = false;
}
