// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict by the tasks' time: what held the workload's tasks up, ready or blocked,
 * in shares of all the time that they were.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/waits_int.h"

#define LISTED_PERCENT 10 /* a cause is one from here on */
#define QUIET_PERCENT  5  /* of the time that tasks didn't sleep: held up less is no fault */

/* The causes by weight. */
struct weights {
	uint64_t cause[ATTR_CAUSES];
	enum attr_cause by_weight[ATTR_CAUSES];
	unsigned int nr; /* of these not 0 */
	uint64_t all;
};

static enum attr_cause cause_of(enum wait_cause w)
{
	static const enum attr_cause cause[WAIT_CAUSES] = {
		[WAIT_THROTTLE] = ATTR_CAUSE_THROTTLE,
		[WAIT_BACKING] = ATTR_CAUSE_BACKING,
		[WAIT_WORKER] = ATTR_CAUSE_WORKER,
		[WAIT_HOST_VCPU] = ATTR_CAUSE_HOST,
		[WAIT_HOST_WORKER] = ATTR_CAUSE_HOST,
		[WAIT_SCHED_IDLE] = ATTR_CAUSE_SCHEDULER,
		[WAIT_SCHED_UNFAIR] = ATTR_CAUSE_SCHEDULER,
		[WAIT_RT] = ATTR_CAUSE_RT,
		[WAIT_SATURATION] = ATTR_CAUSE_SATURATION,
	};

	return cause[w];
}

static void weigh(const struct tasks *t, struct weights *w)
{
	memset(w, 0, sizeof(*w));
	for (unsigned int c = 0; c < WAIT_CAUSES; c++)
		if (cause_of(c) != ATTR_CAUSE_NONE)
			w->cause[cause_of(c)] += t->cause[c];
	for (unsigned int c = ATTR_CAUSE_NONE + 1; c < ATTR_CAUSES; c++) {
		unsigned int at = w->nr;

		w->all += w->cause[c];
		if (!w->cause[c])
			continue;
		for (; at && w->cause[w->by_weight[at - 1]] < w->cause[c]; at--)
			w->by_weight[at] = w->by_weight[at - 1];
		w->by_weight[at] = c;
		w->nr++;
	}
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static const char *kind_of(const struct attribution *a, enum attr_cause c)
{
	const uint64_t *by = a->tasks_time.cause;

	if (c == ATTR_CAUSE_SCHEDULER && a->scx_ejected)
		return "ejected";
	if (c == ATTR_CAUSE_SCHEDULER)
		return by[WAIT_SCHED_UNFAIR] > by[WAIT_SCHED_IDLE] ? "unfair" : "idle";
	if (c == ATTR_CAUSE_HOST)
		return by[WAIT_HOST_WORKER] > by[WAIT_HOST_VCPU] ? "worker" : "vcpu";
	return "";
}

static const char *worst_rt(const struct attr_state *s)
{
	const struct tasks_state *t = s->tasks;
	uint32_t best = TASKS_NONE;
	const struct t_info *i;

	for (uint32_t k = 0; k < t->tasks; k++)
		if (t->task[k].rt_ns &&
		    (best == TASKS_NONE || t->task[k].rt_ns > t->task[best].rt_ns))
			best = k;
	i = best != TASKS_NONE ? tasks_info(t, best, t->end) : NULL;
	return i ? i->rec.comm : "?";
}

static void subject(const struct attr_state *s, const struct attribution *a, enum attr_cause c,
		    char *buf, size_t len)
{
	const char *kind = kind_of(a, c), *name = a->scx_name;

	if (c == ATTR_CAUSE_SCHEDULER)
		snprintf(buf, len, "the guest's scheduler%s%.40s%s, %s", name[0] ? " (" : "", name,
			 name[0] ? ")" : "",
			 !strcmp(kind, "unfair") ? "unfair to ready tasks,"
						 : "with idle CPUs and tasks ready,");
	else if (c == ATTR_CAUSE_HOST)
		snprintf(buf, len, "the host, keeping %s off its CPUs,",
			 !strcmp(kind, "worker") ? "the disk's worker" : "vCPUs");
	else if (c == ATTR_CAUSE_RT)
		snprintf(buf, len, "real-time tasks (mostly %s) on the guest's CPUs", worst_rt(s));
	else if (c == ATTR_CAUSE_SATURATION)
		snprintf(buf, len, "saturation, more tasks ready than CPUs,");
	else
		attr_who(s, a, c, buf, len);
}

__attribute__((format(printf, 2, 3))) static void say(struct attr_verdict *v, const char *fmt, ...)
{
	size_t len = strlen(v->sentence);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->sentence + len, sizeof(v->sentence) - len, fmt, ap);
	va_end(ap);
}

static void say_base(struct attribution *a)
{
	const struct tasks *t = &a->tasks_time;
	char held[16], ran[16];

	say(&a->verdict, "%" PRIu32 " task%s held up %s in all, ran %s", t->workload,
	    t->workload == 1 ? "" : "s", attribution_fmt_ns(held, sizeof(held), t->held),
	    attribution_fmt_ns(ran, sizeof(ran), t->sum.time[TASK_RUNS]));
}

/* Could what isn't explained make another cause the first? */
static void say_doubt(const struct attr_state *s, struct attribution *a, const struct weights *w)
{
	const struct tasks *t = &a->tasks_time;
	uint64_t first = w->nr ? w->cause[w->by_weight[0]] : 0;
	uint64_t second = w->nr > 1 ? w->cause[w->by_weight[1]] : 0;
	uint64_t unknown = t->cause[WAIT_UNKNOWN];

	a->verdict.unexplained = percent(unknown, t->held) / 100;
	a->verdict.doubtful = unknown && second + unknown >= first;
	if (a->verdict.unexplained >= 0.005)
		say(&a->verdict, "; %.0f %% can't be explained%s", 100 * a->verdict.unexplained,
		    a->verdict.doubtful ? ", enough to change who is first" : "");
	if (t->lost)
		say(&a->verdict, "; %" PRIu64 " events of the guest were lost", t->lost);
	(void)s;
}

static bool is_quiet(const struct tasks *t, const struct weights *w)
{
	uint64_t awake = t->sum.life - t->sum.time[TASK_ASLEEP];

	return !w->nr || percent(w->cause[w->by_weight[0]], t->held) < LISTED_PERCENT ||
	       percent(w->all, awake) < QUIET_PERCENT;
}

/* The first one, and each that has half of its weight and is a cause at all. */
static void name_causes(const struct attr_state *s, struct attribution *a, const struct weights *w)
{
	struct attr_verdict *v = &a->verdict;
	const uint64_t first = w->cause[w->by_weight[0]];
	char who[160];

	v->cause = w->by_weight[0];
	v->share = percent(first, a->tasks_time.held) / 100;
	for (unsigned int i = 0; i < w->nr; i++) {
		enum attr_cause c = w->by_weight[i];
		double share = percent(w->cause[c], a->tasks_time.held);

		if (share < LISTED_PERCENT)
			break;
		v->listed[v->nr_listed++] = c;
		if (w->cause[c] < first / 2)
			continue;
		subject(s, a, c, who, sizeof(who));
		say(v, "%s%s made %.0f %%", i ? "; " : "", who, share);
	}
	say(v, " of the time that tasks were held up: ");
	say_base(a);
}

/* What the author of a scheduler can do something about: not the host. */
static enum attr_cause guest_cause(const struct weights *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		if (w->by_weight[i] != ATTR_CAUSE_HOST)
			return w->by_weight[i];
	return ATTR_CAUSE_NONE;
}

static void say_ejected(struct attribution *a)
{
	if (a->scx_ejected)
		say(&a->verdict, "the kernel ejected the scheduler%s%.40s (%.80s); ",
		    a->scx_name[0] ? " " : "", a->scx_name, a->scx_reason);
}

void waits_judge(const struct attr_state *s, struct attribution *a)
{
	struct attr_verdict *v = &a->verdict;
	struct weights w;

	memset(v, 0, sizeof(*v));
	v->by_tasks = true;
	weigh(&a->tasks_time, &w);
	say_ejected(a);
	if (is_quiet(&a->tasks_time, &w)) {
		say(v, "nothing held tasks up noteworthy: ");
		say_base(a);
	} else {
		name_causes(s, a, &w);
		v->guest_cause = guest_cause(&w);
		snprintf(v->kind, sizeof(v->kind), "%s", kind_of(a, v->cause));
		if (v->cause == ATTR_CAUSE_HOST && v->guest_cause != ATTR_CAUSE_NONE)
			say(v, "; within the guest it is %s, %.0f %%",
			    attribution_cause_name(v->guest_cause),
			    percent(w.cause[v->guest_cause], a->tasks_time.held));
	}
	say_doubt(s, a, &w);
}
