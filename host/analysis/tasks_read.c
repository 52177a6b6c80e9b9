// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream's records, kept until all are there: each CPU's events in a list of
 * chunks, which is freed as it is followed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/tasks_int.h"

int tasks_grow(void **arr, size_t size, uint32_t nr, uint32_t *cap)
{
	uint64_t want = (uint64_t)*cap + *cap / 2 + 8;
	void *p;

	if (nr < *cap)
		return 0;
	if (want > UINT32_MAX / 2)
		return -ENOMEM;
	p = realloc(*arr, want * size);
	if (!p)
		return -ENOMEM;
	*arr = p;
	*cap = (uint32_t)want;
	return 0;
}

struct tasks_state *tasks_new(void)
{
	return calloc(1, sizeof(struct tasks_state));
}

static void cpu_free(struct t_cpu *c)
{
	while (c->head) {
		struct t_chunk *next = c->head->next;

		free(c->head);
		c->head = next;
	}
	free(c->turn);
	free(c->set);
}

void tasks_free(struct tasks_state *t)
{
	if (!t)
		return;
	for (unsigned int c = 0; c < TASKS_MAX_CPUS; c++)
		cpu_free(&t->cpu[c]);
	for (uint32_t i = 0; i < t->sets; i++)
		ivals_free(&t->set[i].idle);
	for (uint32_t i = 0; i < t->tasks; i++) {
		free(t->task[i].span);
		free(t->task[i].info);
	}
	ivals_free(&t->stalled);
	ivals_free(&t->open);
	free(t->set);
	free(t->task);
	free(t->hash);
	free(t->info);
	free(t->mark);
	free(t->serial);
	free(t);
}

static struct t_event *new_event(struct t_cpu *c)
{
	struct t_chunk *k = c->tail;

	if (!k || k->nr == sizeof(k->ev) / sizeof(k->ev[0])) {
		k = malloc(sizeof(*k));
		if (!k)
			return NULL;
		k->next = NULL;
		k->nr = 0;
		*(c->tail ? &c->tail->next : &c->head) = k;
		c->tail = k;
	}
	return &k->ev[k->nr++];
}

static int add_event(struct tasks_state *t, struct t_cpu *c, const struct ss_sched_event *e,
		     uint64_t ts)
{
	struct t_event *ev = new_event(c);

	if (!ev)
		return -ENOMEM;
	/* A clock that went back would be contradicted by everything that follows. */
	c->last = ts > c->last ? ts : c->last;
	*ev = (struct t_event){
		.ts = c->last,
		.tid = e->tid,
		.arg = e->arg,
		.aux = e->aux,
		.type = e->type,
		.flags = e->flags,
	};
	t->events++;
	return 0;
}

static int add_batch(struct tasks_state *t, const struct ss_rec_g_sched *b,
		     const struct ss_sched_event *e)
{
	struct t_cpu *c = b->h.cpu < TASKS_MAX_CPUS ? &t->cpu[b->h.cpu] : NULL;
	uint64_t ts = b->h.ts;
	bool wake = false;

	t->lost += b->lost;
	if (!c)
		return 0;
	c->seen = true;
	for (uint32_t i = 0; i < b->nr; i++, e++) {
		const uint64_t value = (uint64_t)e->arg << 32 | e->tid;

		ts += e->type == SS_SCHED_LATE ? value : e->delta;
		if (ts > 1ULL << 60)
			return 0;
		if (e->type == SS_SCHED_MORE && wake)
			c->tail->ev[c->tail->nr - 1].serial = e->tid;
		wake = e->type == SS_SCHED_WAKE;
		if (e->type == SS_SCHED_MORE || e->type == SS_SCHED_LATE)
			continue;
		if (add_event(t, c, e, ts))
			return -ENOMEM;
	}
	return 0;
}

static int add_info(struct tasks_state *t, const struct ss_rec_g_task *r)
{
	struct t_info *i;

	if (tasks_grow((void **)&t->info, sizeof(*t->info), t->infos, &t->info_cap))
		return -ENOMEM;
	i = &t->info[t->infos++];
	*i = (struct t_info){ .t = (int64_t)r->h.ts, .rec = *r, .set = TASKS_NONE };
	attr_name(i->rec.comm, r->comm, sizeof(i->rec.comm));
	if (i->rec.class > SS_TASK_KERNEL)
		i->rec.class = SS_TASK_OTHER;
	if (!i->rec.weight)
		i->rec.weight = 1024;
	return 0;
}

int tasks_add(struct tasks_state *t, const union events_rec *rec,
	      const struct ss_sched_event *events)
{
	if (rec->h.ts > 1ULL << 60)
		return 0;
	switch (rec->h.type) {
	case SS_REC_G_SCHED:
		return events ? add_batch(t, &rec->g_sched, events) : 0;
	case SS_REC_G_TASK:
		return rec->g_task.tid ? add_info(t, &rec->g_task) : 0;
	case SS_REC_G_MARK:
		if (tasks_grow((void **)&t->mark, sizeof(*t->mark), t->marks, &t->mark_cap))
			return -ENOMEM;
		t->mark[t->marks++] = (struct t_mark){
			.ts = rec->h.ts,
			.arg = rec->g_mark.arg,
			.mark = rec->g_mark.mark,
		};
		return 0;
	default:
		return 0;
	}
}
