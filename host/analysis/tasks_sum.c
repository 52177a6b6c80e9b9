// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks' time in the window, added up. Each span of a task lies in exactly one
 * state, so the states' sum is its life there, to the ns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/waits_int.h"

static int64_t mark_time(const struct tasks_state *t, uint64_t guest_ns)
{
	const struct ss_clock *c = t->s->clock;
	int64_t at = clock_aligned(c) ? clock_to_host(c, guest_ns) : (int64_t)guest_ns;

	return clamp64(at, t->first, t->last);
}

/* The latest marks of a kind narrow what those of a wider kind say. */
static void set_window(struct tasks_state *t)
{
	static const unsigned int kind[][2] = {
		{ SS_MARK_TRACE_BEGIN, SS_MARK_TRACE_END },
		{ SS_MARK_WORKLOAD_BEGIN, SS_MARK_WORKLOAD_END },
		{ SS_MARK_WINDOW_BEGIN, SS_MARK_WINDOW_END },
	};

	t->begin = t->first;
	t->end = t->last;
	for (unsigned int k = 0; k < 3; k++)
		for (uint32_t i = 0; i < t->marks; i++) {
			int64_t at = mark_time(t, t->mark[i].ts);

			if (t->mark[i].mark == kind[k][0] && at >= t->begin && at <= t->end)
				t->begin = at;
			else if (t->mark[i].mark == kind[k][1] && at >= t->begin && at <= t->end)
				t->end = at;
			else
				continue;
			t->out->has_window |= k > 0;
		}
	t->out->window = (uint64_t)(t->end - t->begin);
}

static int time_of(const struct t_span *s)
{
	switch (s->state) {
	case T_RUNS:
		return TASK_RUNS;
	case T_READY:
		return TASK_READY;
	case T_SLEEPS:
		return s->flags & T_ASLEEP ? TASK_ASLEEP : TASK_BLOCKED;
	default:
		return -1;
	}
}

static void add_part(uint64_t *time, int what, int64_t a, int64_t b, int64_t lo, int64_t hi)
{
	a = clamp64(a, lo, hi);
	b = clamp64(b, lo, hi);
	time[what] += (uint64_t)(b - a);
}

/* A workload's task: what is outside of the window is told apart. */
static void add_outside(struct tasks_state *t, int what, int64_t a, int64_t b)
{
	add_part(t->out->before, what, a, b, t->first, t->begin);
	add_part(t->out->after, what, a, b, t->end, t->last);
}

static void name_row(const struct tasks_state *t, uint32_t task, struct task_row *row)
{
	const struct t_info *i = tasks_info(t, task, t->end);

	row->tid = t->task[task].tid;
	row->class = t->task[task].class;
	if (!i)
		return;
	row->tgid = i->rec.tgid;
	memcpy(row->comm, i->rec.comm, sizeof(row->comm));
}

/* The ten longest waits; their chains come last. */
static void keep_wait(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi)
{
	uint32_t at = t->tops;

	while (at && t->top[at - 1].hi - t->top[at - 1].lo < hi - lo)
		at--;
	if (at == TASKS_MAX_WAITS)
		return;
	if (t->tops < TASKS_MAX_WAITS)
		t->tops++;
	memmove(&t->top[at + 1], &t->top[at], (t->tops - at - 1) * sizeof(t->top[0]));
	t->top[at] = (struct t_top){ .task = task, .span = span, .lo = lo, .hi = hi };
}

/* The end of its own child is what it waits for by trade: that child's waits are shown. */
static bool for_own_child(const struct tasks_state *t, uint32_t task, uint32_t span)
{
	const struct t_task *k = &t->task[task];
	uint32_t waker = span + 1 < k->spans ? k->span[span + 1].who : TASKS_NONE;

	return k->span[span].state == T_SLEEPS && waker != TASKS_NONE &&
	       t->task[waker].parent == task;
}

static void split_piece(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
			bool stalled, struct task_row *row, struct wait_who *who)
{
	if (hi <= lo)
		return;
	if (t->task[task].span[span].state == T_READY)
		waits_ready(t, task, span, lo, hi, row->ready[stalled], who);
	else
		waits_blocked(t, task, span, lo, hi, row->blocked[stalled]);
}

/* By what held the task up, while a disk was stalled and while none was. */
static void split_wait(struct tasks_state *t, uint32_t task, uint32_t span, struct task_row *row)
{
	const struct t_task *k = &t->task[task];
	int64_t lo = clamp64(k->span[span].t, t->begin, t->end), at = lo;
	int64_t hi = clamp64(tasks_span_end(t, k, span), t->begin, t->end);
	struct wait_who who = { .task = TASKS_NONE };
	const struct ivals *l = &t->stalled;

	if (hi <= lo)
		return;
	for (uint32_t i = ivals_after(l, lo); i < l->nr && l->p[i].a < hi; i++) {
		int64_t a = clamp64(l->p[i].a, at, hi), b = clamp64(l->p[i].b, at, hi);

		split_piece(t, task, span, at, a, false, row, &who);
		split_piece(t, task, span, a, b, true, row, &who);
		at = b;
	}
	split_piece(t, task, span, at, hi, false, row, &who);
	if (!for_own_child(t, task, span))
		keep_wait(t, task, span, lo, hi);
	if (k->span[span].state != T_READY || (uint64_t)(hi - lo) <= row->longest)
		return;
	row->longest = (uint64_t)(hi - lo);
	row->longest_at = lo - t->begin;
	row->longest_by = who.task != TASKS_NONE ? t->task[who.task].tid : 0;
	memset(row->longest_comm, 0, sizeof(row->longest_comm));
	if (who.task != TASKS_NONE && tasks_info(t, who.task, lo))
		memcpy(row->longest_comm, tasks_info(t, who.task, lo)->rec.comm,
		       sizeof(row->longest_comm));
}

/* In the window; counts are of what began there. */
static void sum_task(struct tasks_state *t, uint32_t task, struct task_row *row)
{
	const struct t_task *k = &t->task[task];
	uint32_t cpu = TASKS_NONE;

	memset(row, 0, sizeof(*row));
	name_row(t, task, row);
	for (uint32_t i = 0; i < k->spans; i++) {
		const struct t_span *s = &k->span[i];
		int64_t end = tasks_span_end(t, k, i);
		bool inside = s->t >= t->begin && s->t < t->end;
		int what = time_of(s);

		t->steps++;
		if (what < 0)
			continue;
		if (k->class == SS_TASK_WORKLOAD)
			add_outside(t, what, s->t, end);
		if (k->class == SS_TASK_WORKLOAD && (what == TASK_READY || what == TASK_BLOCKED))
			split_wait(t, task, i, row);
		add_part(row->time, what, s->t, end, t->begin, t->end);
		row->slices += inside && what == TASK_RUNS;
		row->wakes += inside && what == TASK_READY && i && k->span[i - 1].state == T_SLEEPS;
		if (what != TASK_RUNS)
			continue;
		row->migrations += inside && cpu != TASKS_NONE && cpu != s->cpu;
		cpu = s->cpu;
	}
	for (unsigned int w = 0; w < TASK_TIMES; w++)
		row->life += row->time[w];
}

static void add_row(struct task_row *sum, const struct task_row *row)
{
	sum->life += row->life;
	for (unsigned int w = 0; w < TASK_TIMES; w++)
		sum->time[w] += row->time[w];
	for (unsigned int c = 0; c < WAIT_CAUSES; c++)
		for (unsigned int k = 0; k < 2; k++) {
			sum->ready[k][c] += row->ready[k][c];
			sum->blocked[k][c] += row->blocked[k][c];
		}
	sum->wakes += row->wakes;
	sum->slices += row->slices;
	sum->migrations += row->migrations;
}

static uint64_t held(const struct task_row *row)
{
	return row->time[TASK_READY] + row->time[TASK_BLOCKED];
}

/* The table keeps those that were held up most. */
static void keep_row(struct tasks *out, const struct task_row *row)
{
	uint32_t at = out->rows;

	while (at && held(&out->row[at - 1]) < held(row))
		at--;
	if (at == TASKS_MAX_ROWS)
		return;
	if (out->rows < TASKS_MAX_ROWS)
		out->rows++;
	memmove(&out->row[at + 1], &out->row[at], (out->rows - at - 1) * sizeof(*row));
	out->row[at] = *row;
}

static void show_waits(struct tasks_state *t)
{
	for (uint32_t i = 0; i < t->tops; i++) {
		const struct t_top *from = &t->top[i];
		struct wait_top *w = &t->out->wait[t->out->waits++];
		const struct t_span *span = &t->task[from->task].span[from->span];
		struct task_row row = { 0 };

		name_row(t, from->task, &row);
		w->tid = row.tid;
		memcpy(w->comm, row.comm, sizeof(w->comm));
		w->blocked = span->state == T_SLEEPS;
		w->open = tasks_span_end(t, &t->task[from->task], from->span) > t->end ||
			  span->flags & T_OPEN;
		w->at = from->lo - t->begin;
		w->ns = (uint64_t)(from->hi - from->lo);
		waits_chain(t, from->task, from->span, from->lo, from->hi, w);
	}
}

static void sum_tasks(struct tasks_state *t)
{
	struct tasks *out = t->out;
	struct task_row row;

	for (uint32_t i = 0; i < t->tasks; i++) {
		sum_task(t, i, &row);
		add_row(&out->kind[t->task[i].class], &row);
		if (t->task[i].class != SS_TASK_WORKLOAD || !row.life)
			continue;
		out->workload++;
		add_row(&out->sum, &row);
		keep_row(out, &row);
	}
	out->held = held(&out->sum);
	for (unsigned int c = 0; c < WAIT_CAUSES; c++)
		for (unsigned int k = 0; k < 2; k++)
			out->cause[c] += out->sum.ready[k][c] + out->sum.blocked[k][c];
}

int tasks_run(struct tasks_state *t, struct attr_state *s)
{
	t->s = s;
	t->out = &s->out->tasks_time;
	if (!t->events)
		return 0;
	if (tasks_follow(t))
		return -ENOMEM;
	if (waits_prepare(t))
		return -ENOMEM;
	set_window(t);
	sum_tasks(t);
	show_waits(t);
	t->out->present = true;
	t->out->events = t->events;
	t->out->lost = t->lost;
	t->out->mended = t->mended;
	t->out->lost_links = t->lost_links;
	t->out->coarse = t->coarse;
	t->out->steps = t->steps;
	return 0;
}
