// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks' time in the window, added up. Each span of a task lies in exactly one
 * state, so the states' sum is its life there, to the ns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/tasks_int.h"

static int64_t clamp64(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

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
}

int tasks_run(struct tasks_state *t, struct attr_state *s)
{
	t->s = s;
	t->out = &s->out->tasks_time;
	if (!t->events)
		return 0;
	if (tasks_follow(t))
		return -ENOMEM;
	set_window(t);
	sum_tasks(t);
	t->out->present = true;
	t->out->events = t->events;
	t->out->lost = t->lost;
	t->out->mended = t->mended;
	t->out->steps = t->steps;
	return 0;
}
