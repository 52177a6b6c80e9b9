// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream, followed: all CPUs' events merged by their time, and from them what each
 * task and each CPU did when. An event that contradicts what was known before (its
 * forerunner was lost) is believed, and counted.
 *
 * Each event costs the logarithm of the CPUs, and the few sets of CPUs that its own
 * belongs to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/tasks_int.h"

static int64_t line(const struct tasks_state *t, uint64_t guest_ns)
{
	const struct ss_clock *c = t->s->clock;

	return clock_aligned(c) ? clock_to_host(c, guest_ns) : (int64_t)guest_ns;
}

/* ---- tasks ---- */

static unsigned int state_of(const struct t_task *k)
{
	return k->spans ? k->span[k->spans - 1].state : T_UNBORN;
}

static int enter(struct t_task *k, int64_t now, unsigned int state, uint32_t who, uint16_t cpu)
{
	if (tasks_grow((void **)&k->span, sizeof(*k->span), k->spans, &k->span_cap))
		return -ENOMEM;
	k->span[k->spans++] =
		(struct t_span){ .t = now, .who = who, .cpu = cpu, .state = (uint8_t)state };
	return 0;
}

static int leaves(struct tasks_state *t, uint32_t task, int64_t now, const struct t_event *e)
{
	struct t_task *k = &t->task[task];
	unsigned int state = e->flags & SS_SWITCH_DEAD	      ? T_DEAD
			     : e->flags & SS_SWITCH_PREEMPTED ? T_READY
							      : T_SLEEPS;

	t->mended += state_of(k) != T_RUNS;
	return enter(k, now, state, state == T_READY ? TASKS_NONE : 0, 0);
}

static int comes(struct tasks_state *t, uint32_t task, int64_t now, unsigned int cpu)
{
	struct t_task *k = &t->task[task];

	t->mended += state_of(k) != T_READY;
	return enter(k, now, T_RUNS, 0, (uint16_t)cpu);
}

#define OWN_CHOICE (SS_WAKE_TIMER | SS_WAKE_SIGNAL | SS_WAKE_TTY)

static int wakes(struct tasks_state *t, int64_t now, const struct t_event *e)
{
	uint32_t task = tasks_task(t, e->tid), waker = TASKS_NONE;
	struct t_span *sleep;

	if (task != TASKS_NONE && state_of(&t->task[task]) == T_DEAD)
		task = tasks_fresh(t, e->tid);
	if (e->arg && task != TASKS_NONE)
		waker = tasks_task(t, e->arg);
	if (task == TASKS_NONE || (e->arg && waker == TASKS_NONE))
		return -ENOMEM;
	/* One that is ready already, or runs, was told so before. */
	if (state_of(&t->task[task]) == T_READY || state_of(&t->task[task]) == T_RUNS)
		return 0;
	if (t->task[task].spans) {
		sleep = &t->task[task].span[t->task[task].spans - 1];
		if (e->flags & SS_WAKE_IO && e->serial) {
			sleep->flags |= T_IO;
			sleep->who = e->serial;
		} else if (e->flags & OWN_CHOICE) {
			sleep->flags |= T_ASLEEP;
		}
	}
	return enter(&t->task[task], now, T_READY, waker, e->aux);
}

static int forks(struct tasks_state *t, int64_t now, const struct t_event *e)
{
	uint32_t task = tasks_task(t, e->tid), parent;

	/* What it is may have been told just before. */
	if (task != TASKS_NONE && state_of(&t->task[task]) != T_UNBORN)
		task = tasks_fresh(t, e->tid);
	parent = e->arg ? tasks_task(t, e->arg) : TASKS_NONE;
	if (task == TASKS_NONE || (e->arg && parent == TASKS_NONE))
		return -ENOMEM;
	t->task[task].parent = parent;
	return enter(&t->task[task], now, T_READY, parent, e->aux);
}

/* ---- CPUs ---- */

static int append(struct ivals *l, int64_t a, int64_t b)
{
	uint64_t before = ivals_total(l);
	uint32_t nr = l->nr;

	if (ivals_add(l, a, b))
		return -ENOMEM;
	if (l->nr > nr)
		l->p[nr].before = before;
	return 0;
}

static int idle_changed(struct tasks_state *t, const struct t_cpu *c, bool idle, int64_t now)
{
	for (uint32_t i = 0; i < c->sets; i++) {
		struct t_set *s = &t->set[c->set[i]];

		t->steps++;
		if (idle && !s->nr_idle++)
			s->since = now;
		if (!idle && !--s->nr_idle && append(&s->idle, s->since, now))
			return -ENOMEM;
	}
	return 0;
}

static bool idles(const struct t_cpu *c)
{
	return !c->offline && c->turns && c->turn[c->turns - 1].task == TASKS_IDLE;
}

static int turn(struct tasks_state *t, struct t_cpu *c, int64_t now, uint32_t task)
{
	bool was = idles(c), is;

	if (tasks_grow((void **)&c->turn, sizeof(*c->turn), c->turns, &c->turn_cap))
		return -ENOMEM;
	c->turn[c->turns++] = (struct t_turn){ .t = now, .kick = INT64_MAX, .task = task };
	is = idles(c);
	return was != is ? idle_changed(t, c, is, now) : 0;
}

static int switches(struct tasks_state *t, unsigned int cpu, int64_t now, const struct t_event *e)
{
	uint32_t prev = e->tid ? tasks_task(t, e->tid) : TASKS_IDLE;
	uint32_t next = e->arg ? tasks_task(t, e->arg) : TASKS_IDLE;

	if (prev == TASKS_NONE || next == TASKS_NONE)
		return -ENOMEM;
	if (prev != TASKS_IDLE && leaves(t, prev, now, e))
		return -ENOMEM;
	if (next != TASKS_IDLE && comes(t, next, now, cpu))
		return -ENOMEM;
	return turn(t, &t->cpu[cpu], now, next);
}

static void kicked(struct tasks_state *t, unsigned int cpu, int64_t now)
{
	struct t_cpu *c = cpu < TASKS_MAX_CPUS ? &t->cpu[cpu] : NULL;

	if (c && c->turns && c->turn[c->turns - 1].kick > now)
		c->turn[c->turns - 1].kick = now;
}

static int plugged(struct tasks_state *t, unsigned int cpu, int64_t now, bool online)
{
	struct t_cpu *c = cpu < TASKS_MAX_CPUS ? &t->cpu[cpu] : NULL;
	bool was;

	if (!c)
		return 0;
	was = idles(c);
	c->offline = !online;
	return was != idles(c) ? idle_changed(t, c, !was, now) : 0;
}

static int apply(struct tasks_state *t, unsigned int cpu, int64_t now, const struct t_event *e)
{
	t->steps++;
	switch (e->type) {
	case SS_SCHED_SWITCH:
		return switches(t, cpu, now, e);
	case SS_SCHED_WAKE:
		return wakes(t, now, e);
	case SS_SCHED_FORK:
		return forks(t, now, e);
	case SS_SCHED_KICK:
		kicked(t, e->aux, now);
		return 0;
	case SS_SCHED_CPU:
		return plugged(t, e->aux, now, e->arg != 0);
	default:
		return 0;
	}
}

/* ---- what is known of tasks ---- */

/* The records of the first moment say what each task is about. */
static int first_state(struct tasks_state *t, uint32_t task, const struct t_info *i)
{
	static const uint8_t state[] = {
		[SS_TASK_RUNNING] = T_RUNS,
		[SS_TASK_READY] = T_READY,
		[SS_TASK_SLEEPING] = T_SLEEPS,
	};

	if (state_of(&t->task[task]) != T_UNBORN || i->rec.state == SS_TASK_UNKNOWN ||
	    i->rec.state > SS_TASK_SLEEPING)
		return 0;
	return enter(&t->task[task], i->t, state[i->rec.state],
		     i->rec.state == SS_TASK_READY ? TASKS_NONE : 0, (uint16_t)i->rec.cpu);
}

static int apply_info(struct tasks_state *t, uint32_t index)
{
	struct t_info *i = &t->info[index];
	uint32_t task = tasks_task(t, i->rec.tid);
	struct t_task *k;

	if (task != TASKS_NONE && state_of(&t->task[task]) == T_DEAD)
		task = tasks_fresh(t, i->rec.tid);
	if (task == TASKS_NONE)
		return -ENOMEM;
	k = &t->task[task];
	if (tasks_grow((void **)&k->info, sizeof(*k->info), k->infos, &k->info_cap))
		return -ENOMEM;
	k->info[k->infos++] = index;
	k->class = i->rec.class;
	k->weight = i->rec.weight;
	k->rt = tasks_is_rt(&i->rec);
	i->set = tasks_set(t, i->rec.cpus);
	return first_state(t, task, i);
}

static int info_by_time(const void *a, const void *b)
{
	const struct t_info *x = a, *y = b;

	return (x->t > y->t) - (x->t < y->t);
}

/* ---- the merge ---- */

struct heap {
	uint16_t cpu[TASKS_MAX_CPUS];
	unsigned int nr;
};

static bool before(const struct tasks_state *t, unsigned int a, unsigned int b)
{
	return t->cpu[a].now != t->cpu[b].now ? t->cpu[a].now < t->cpu[b].now : a < b;
}

static void sift(const struct tasks_state *t, struct heap *h, unsigned int i)
{
	for (;;) {
		unsigned int least = i, child = 2 * i + 1;
		uint16_t tmp = h->cpu[i];

		for (unsigned int c = child; c < child + 2 && c < h->nr; c++)
			if (before(t, h->cpu[c], h->cpu[least]))
				least = c;
		if (least == i)
			return;
		h->cpu[i] = h->cpu[least];
		h->cpu[least] = tmp;
		i = least;
	}
}

/* The CPU's next event; chunks that were read are freed. */
static const struct t_event *peek(struct t_cpu *c)
{
	while (c->head && c->read == c->head->nr) {
		struct t_chunk *done = c->head;

		c->head = done->next;
		c->read = 0;
		free(done);
		if (!c->head)
			c->tail = NULL;
	}
	return c->head ? &c->head->ev[c->read] : NULL;
}

/* Who has it when the stream begins: who is first to leave it. */
static int first_turn(struct tasks_state *t, struct t_cpu *c)
{
	for (const struct t_chunk *k = c->head; k; k = k->next)
		for (uint32_t i = 0; i < k->nr; i++) {
			const struct t_event *e = &k->ev[i];

			if (e->type == SS_SCHED_SWITCH)
				return turn(t, c, t->first,
					    e->tid ? tasks_task(t, e->tid) : TASKS_IDLE);
		}
	return 0;
}

static int begin(struct tasks_state *t, struct heap *h)
{
	t->first = INT64_MAX;
	for (unsigned int c = 0; c < TASKS_MAX_CPUS; c++) {
		const struct t_event *e = peek(&t->cpu[c]);

		if (!e)
			continue;
		t->cpu[c].now = line(t, e->ts);
		t->first = t->cpu[c].now < t->first ? t->cpu[c].now : t->first;
		h->cpu[h->nr++] = (uint16_t)c;
	}
	for (unsigned int i = h->nr; i-- > 0;)
		sift(t, h, i);
	for (uint32_t i = 0; i < t->infos; i++)
		t->info[i].t = line(t, (uint64_t)t->info[i].t);
	if (t->infos > 1)
		qsort(t->info, t->infos, sizeof(*t->info), info_by_time);
	if (t->infos && t->info[0].t < t->first)
		t->first = t->info[0].t;
	t->last = t->first;
	for (unsigned int i = 0; i < h->nr; i++)
		if (first_turn(t, &t->cpu[h->cpu[i]]))
			return -ENOMEM;
	return 0;
}

static int infos_until(struct tasks_state *t, int64_t now)
{
	while (t->info_at < t->infos && t->info[t->info_at].t <= now) {
		t->last = t->info[t->info_at].t > t->last ? t->info[t->info_at].t : t->last;
		if (apply_info(t, t->info_at++))
			return -ENOMEM;
	}
	return 0;
}

/* What comes after the last event changes nothing any more. */
static int infos_left(struct tasks_state *t)
{
	for (uint32_t i = t->info_at; i < t->infos; i++)
		t->info[i].t = t->last;
	return infos_until(t, t->last);
}

static int finish(struct tasks_state *t)
{
	/* What was read of what came in the end, when nothing happened any more. */
	for (uint32_t i = 0; i < t->marks; i++) {
		int64_t at = line(t, t->mark[i].ts);

		t->last = at > t->last ? at : t->last;
	}
	for (uint32_t i = 0; i < t->sets; i++) {
		struct t_set *s = &t->set[i];

		if (s->nr_idle && append(&s->idle, s->since, t->last))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->tasks; i++) {
		struct t_task *k = &t->task[i];

		if (k->spans)
			k->span[k->spans - 1].flags |= T_OPEN;
	}
	return 0;
}

int tasks_follow(struct tasks_state *t)
{
	struct heap h = { .nr = 0 };

	if (begin(t, &h))
		return -ENOMEM;
	while (h.nr) {
		struct t_cpu *c = &t->cpu[h.cpu[0]];
		const struct t_event *e = peek(c);
		int64_t now = c->now > t->last ? c->now : t->last;

		if (infos_until(t, now))
			return -ENOMEM;
		t->last = now;
		if (apply(t, h.cpu[0], now, e))
			return -ENOMEM;
		c->read++;
		e = peek(c);
		if (e)
			c->now = line(t, e->ts);
		else
			h.cpu[0] = h.cpu[--h.nr];
		sift(t, &h, 0);
	}
	if (infos_left(t))
		return -ENOMEM;
	return finish(t);
}
