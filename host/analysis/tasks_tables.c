// SPDX-License-Identifier: GPL-2.0-only
/* Tasks by their tid, what is known of them when, and the sets of CPUs that they may use. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/tasks_int.h"

#define POLICY_FIFO	1
#define POLICY_RR	2
#define POLICY_DEADLINE 6

bool tasks_is_rt(const struct ss_rec_g_task *rec)
{
	return rec->policy == POLICY_FIFO || rec->policy == POLICY_RR ||
	       rec->policy == POLICY_DEADLINE;
}

static uint32_t *slot(const struct tasks_state *t, uint32_t tid)
{
	uint32_t i = tid * 2654435761u & (t->hash_size - 1);

	while (t->hash[i] && t->task[t->hash[i] - 1].tid != tid)
		i = (i + 1) & (t->hash_size - 1);
	return &t->hash[i];
}

/* At most half full; a tid that several tasks had takes one place. */
static int grow_hash(struct tasks_state *t)
{
	uint32_t size = t->hash_size ? t->hash_size * 2 : 256;
	uint32_t *old = t->hash;

	if (t->hash_size / 2 > t->tasks)
		return 0;
	t->hash = calloc(size, sizeof(*t->hash));
	if (!t->hash) {
		t->hash = old;
		return -ENOMEM;
	}
	free(old);
	t->hash_size = size;
	for (uint32_t i = 0; i < t->tasks; i++)
		*slot(t, t->task[i].tid) = i + 1;
	return 0;
}

uint32_t tasks_find(const struct tasks_state *t, uint32_t tid)
{
	return t->hash_size ? *slot(t, tid) - 1 : TASKS_NONE;
}

uint32_t tasks_fresh(struct tasks_state *t, uint32_t tid)
{
	if (tasks_grow((void **)&t->task, sizeof(*t->task), t->tasks, &t->task_cap) || grow_hash(t))
		return TASKS_NONE;
	t->task[t->tasks] = (struct t_task){ .tid = tid, .parent = TASKS_NONE, .weight = 1024 };
	*slot(t, tid) = ++t->tasks;
	return t->tasks - 1;
}

uint32_t tasks_task(struct tasks_state *t, uint32_t tid)
{
	uint32_t i = tasks_find(t, tid);

	return i != TASKS_NONE ? i : tasks_fresh(t, tid);
}

const struct t_info *tasks_info(const struct tasks_state *t, uint32_t task, int64_t at)
{
	const struct t_task *k = &t->task[task];
	uint32_t lo = 0, hi = k->infos;

	if (!k->infos)
		return NULL;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (t->info[k->info[mid]].t <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return &t->info[k->info[lo ? lo - 1 : 0]];
}

uint32_t tasks_span_at(const struct t_task *task, int64_t at)
{
	uint32_t lo = 0, hi = task->spans;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (task->span[mid].t <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : 0;
}

int64_t tasks_span_end(const struct tasks_state *t, const struct t_task *task, uint32_t span)
{
	return span + 1 < task->spans ? task->span[span + 1].t : t->last;
}

static bool cpu_idles(const struct t_cpu *c)
{
	return !c->offline && c->turns && c->turn[c->turns - 1].task == TASKS_IDLE;
}

static bool has_cpu(const __u64 *cpus, unsigned int c)
{
	return cpus[c / 64] >> c % 64 & 1;
}

static int join_sets(struct tasks_state *t, uint32_t set)
{
	struct t_set *s = &t->set[set];

	for (unsigned int c = 0; c < TASKS_MAX_CPUS; c++) {
		struct t_cpu *cpu = &t->cpu[c];

		if (!cpu->seen || !has_cpu(s->cpus, c))
			continue;
		if (tasks_grow((void **)&cpu->set, sizeof(*cpu->set), cpu->sets, &cpu->set_cap))
			return -ENOMEM;
		cpu->set[cpu->sets++] = set;
		s->nr_idle += cpu_idles(cpu);
	}
	return 0;
}

uint32_t tasks_set(struct tasks_state *t, const __u64 *cpus)
{
	__u64 known[SS_TASK_CPUS_MAX / 64] = { 0 };
	unsigned int nr = 0;

	for (unsigned int c = 0; c < TASKS_MAX_CPUS; c++)
		if (t->cpu[c].seen && has_cpu(cpus, c)) {
			known[c / 64] |= 1ULL << c % 64;
			nr++;
		}
	for (uint32_t i = 0; i < t->sets; i++)
		if (!memcmp(t->set[i].cpus, known, sizeof(known)))
			return i;
	/* Each switch of a CPU looks at all its sets. */
	if (nr > 1 && t->wide_sets == TASKS_MAX_SETS)
		return TASKS_NONE;
	if (tasks_grow((void **)&t->set, sizeof(*t->set), t->sets, &t->set_cap))
		return TASKS_NONE;
	t->wide_sets += nr > 1;
	t->set[t->sets] = (struct t_set){ .since = t->last };
	memcpy(t->set[t->sets].cpus, known, sizeof(known));
	if (join_sets(t, t->sets))
		return TASKS_NONE;
	return t->sets++;
}
