// SPDX-License-Identifier: GPL-2.0-only
/*
 * A wait for a CPU, split by what kept the task off. The CPU that took it in the end is
 * looked at turn by turn: who had it, was its vCPU stolen, and did another CPU idle that
 * the task may use? For each instant the first of these holds:
 *
 *	host		the CPU was told to go on to another task and its vCPU didn't get
 *			to run; or no CPU idles, and this one's vCPU is stolen
 *	waking up	it was told so and came out of idle: nobody's
 *	scheduler	a CPU that the task may use idles
 *	real-time	a real-time task has it; our agent counts apart
 *	scheduler	who has it had its fair turn in this wait already
 *	saturation	the rest
 *
 * The work is that of the turns in a wait: as many waits at once as tasks are queued. A
 * budget, so many steps for each event, keeps it linear.
 */
#include <string.h>

#include "analysis/waits_int.h"

#define WAKE_UP_NS 2000000 /* an idle CPU that was told takes no longer to switch, if it runs */

struct ready {
	struct tasks_state *t;
	uint32_t task;
	const struct t_cpu *cpu;
	const struct ivals *steal;
	int64_t from, to; /* the whole wait */
	int64_t lo, hi;	  /* what is asked for */
	bool taken;	  /* it ended on cpu */
	uint32_t final;	  /* the turns from here on led to that, by what the CPU was told in them */
	bool busy;	  /* nobody idles all the while */
	uint64_t *by;
	struct wait_who *who;
};

static const struct ivals nothing;

/* Most tasks are the same all the time. */
static bool is_rt(const struct tasks_state *t, uint32_t task, int64_t at)
{
	const struct t_task *k = &t->task[task];

	return k->infos > 1 ? tasks_is_rt(&tasks_info(t, task, at)->rec) : k->rt;
}

static uint64_t weight(const struct tasks_state *t, uint32_t task, int64_t at)
{
	const struct t_task *k = &t->task[task];

	return k->infos > 1 ? tasks_info(t, task, at)->rec.weight : k->weight;
}

/* Beyond its turn in this wait, which is its weight's share of a base slice. */
static uint64_t beyond_turn(struct ready *r, uint32_t task, int64_t at, uint64_t ns)
{
	struct t_task *k = &r->t->task[task];
	uint64_t w = weight(r->t, task, at), v = weight(r->t, r->task, at);
	uint64_t fair = w == v ? TASKS_SLICE_NS : TASKS_SLICE_NS * w / v;
	uint64_t was;

	if (k->hold_of != r->t->wait) {
		k->hold_of = r->t->wait;
		k->held = 0;
	}
	was = k->held > fair ? k->held - fair : 0;
	k->held += ns;
	if (r->who && k->held > r->who->ns)
		*r->who = (struct wait_who){ .task = task, .ns = k->held };
	return (k->held > fair ? k->held - fair : 0) - was;
}

static void occupied(struct ready *r, uint32_t task, int64_t at, uint64_t ns, uint64_t *by)
{
	uint64_t unfair;
	bool rt;

	if (!ns)
		return;
	if (task == TASKS_IDLE) {
		by[WAIT_SCHED_IDLE] += ns;
		return;
	}
	rt = is_rt(r->t, task, at);
	unfair = beyond_turn(r, task, at, ns);
	if (r->t->task[task].class == SS_TASK_TOOL) {
		by[WAIT_TOOL] += ns;
	} else if (rt && r->t->task[task].class != SS_TASK_KERNEL) {
		by[WAIT_RT] += ns;
		r->t->task[task].rt_ns += ns;
	} else if (rt) {
		by[WAIT_SATURATION] += ns;
	} else {
		by[WAIT_SCHED_UNFAIR] += unfair;
		by[WAIT_SATURATION] += ns - unfair;
	}
}

static const struct ivals *idle_of(const struct ready *r, int64_t at)
{
	const struct t_info *i = tasks_info(r->t, r->task, at);

	return i && i->set != TASKS_NONE ? &r->t->set[i->set].idle : &nothing;
}

/*
 * From when on an idle CPU was about to take the task, if it did so at @end. Only the
 * first time that it was told is known, and it may have been for something else: it
 * can't have run for longer than WAKE_UP_NS since then.
 */
static int64_t told_at(const struct ready *r, const struct t_turn *turn, int64_t end)
{
	uint32_t i = ivals_after(r->steal, end - 1);
	int64_t ran = WAKE_UP_NS, at = end;

	if (i < r->steal->nr && r->steal->p[i].a < end)
		at = r->steal->p[i].a;
	while (i-- > 0 && at > turn->kick && at - r->steal->p[i].b < ran) {
		ran -= at - r->steal->p[i].b;
		at = r->steal->p[i].a;
	}
	at -= ran;
	return at > turn->kick ? at : turn->kick;
}

/* [x, y) of one turn, in which nothing else changes but who idles and is stolen. */
static void mixed_piece(struct ready *r, uint32_t i, int64_t x, int64_t y, uint64_t *by)
{
	const struct t_turn *turn = &r->cpu->turn[i];
	const struct ivals *idle = r->busy ? &nothing : idle_of(r, x);
	/* From when on the CPU should have gone on to the next. */
	int64_t told = i >= r->final ? clamp64(told_at(r, turn, turn[1].t), x, y) : y;
	uint64_t stolen = ivals_cover(r->steal, told, y);
	int64_t until = turn->task == TASKS_IDLE ? told : y;
	uint64_t both = until > told ? stolen - ivals_cover_except(r->steal, idle, told, y) : 0;
	uint64_t host = stolen + ivals_cover_except(r->steal, idle, x, told);
	uint64_t idled = ivals_cover(idle, x, until) - both;
	uint64_t woke = turn->task == TASKS_IDLE ? (uint64_t)(y - told) - stolen : 0;

	by[WAIT_HOST_VCPU] += host;
	by[WAIT_SCHED_IDLE] += idled;
	by[WAIT_WAKE_UP] += woke;
	occupied(r, turn->task, x, (uint64_t)(y - x) - host - idled - woke, by);
}

static void piece(struct ready *r, uint32_t i, int64_t x, int64_t y, uint64_t *by)
{
	uint32_t task = r->cpu->turn[i].task;

	if (r->busy && r->steal == &nothing && task != TASKS_IDLE)
		occupied(r, task, x, (uint64_t)(y - x), by);
	else
		mixed_piece(r, i, x, y, by);
}

/* First turn that ends after @at. */
static uint32_t turn_at(const struct t_cpu *c, int64_t at)
{
	uint32_t lo = 0, hi = c->turns;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c->turn[mid].t <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : 0;
}

/* A turn's part before @lo counts for who had their turn, but isn't asked for. */
static void one_turn(struct ready *r, uint32_t i, int64_t x, int64_t y)
{
	if (x < r->lo && x < y) {
		uint64_t unasked[WAIT_CAUSES] = { 0 };
		int64_t until = y < r->lo ? y : r->lo;

		piece(r, i, x, until, unasked);
		x = until;
	}
	if (x < y)
		piece(r, i, x, y, r->by);
}

/* The last turn before the task's own, or the idle one since when the CPU was busy. */
static uint32_t final_turn(const struct ready *r, uint32_t first)
{
	uint32_t own = turn_at(r->cpu, r->to), i = own;

	if (!r->taken || r->cpu->turn[own].t != r->to)
		return TASKS_NONE;
	/* Several at the same instant: the wait's is the first that isn't before its end. */
	while (i > first && r->cpu->turn[i].t >= r->to)
		i--;
	own = i;
	while (i > first && r->cpu->turn[i].task != TASKS_IDLE)
		i--;
	return r->cpu->turn[i].task == TASKS_IDLE ? i : own;
}

static void coarse(struct ready *r, int64_t x, int64_t y)
{
	uint64_t idled = ivals_cover(idle_of(r, x), x, y);

	r->t->coarse++;
	r->by[WAIT_SCHED_IDLE] += idled;
	r->by[WAIT_SATURATION] += (uint64_t)(y - x) - idled;
}

static void look(struct ready *r)
{
	uint32_t i = turn_at(r->cpu, r->from), end = turn_at(r->cpu, r->to);
	int64_t at = r->from;

	if (!r->cpu->turns || !waits_spend(r->t, end - i + 1)) {
		coarse(r, r->lo, r->hi);
		return;
	}
	r->t->wait++;
	/* A list that has nothing to say here need not be asked for each turn. */
	r->busy =
		r->t->task[r->task].infos <= 1 && !ivals_cover(idle_of(r, r->from), r->from, r->hi);
	if (!ivals_cover(r->steal, r->from, r->to))
		r->steal = &nothing;
	r->final = r->busy && r->steal == &nothing ? TASKS_NONE : final_turn(r, i);
	for (; at < r->hi; i++) {
		int64_t next = i + 1 < r->cpu->turns ? r->cpu->turn[i + 1].t : INT64_MAX;

		next = next < r->hi ? next : r->hi;
		if (next > at)
			one_turn(r, i, at, next);
		at = next > at ? next : at;
	}
}

/* Where it ran next; one that never did is looked for where it ran last. */
static unsigned int cpu_of(const struct t_task *k, uint32_t span, bool *taken)
{
	*taken = span + 1 < k->spans && k->span[span + 1].state == T_RUNS;
	if (*taken)
		return k->span[span + 1].cpu;
	for (uint32_t i = span; i-- > 0 && span - i < 8;)
		if (k->span[i].state == T_RUNS)
			return k->span[i].cpu;
	return k->span[span].cpu;
}

void waits_ready(struct tasks_state *t, uint32_t task, uint32_t span, int64_t lo, int64_t hi,
		 uint64_t *by, struct wait_who *who)
{
	const struct t_task *k = &t->task[task];
	struct ready r = {
		.t = t,
		.task = task,
		.from = k->span[span].t,
		.to = tasks_span_end(t, k, span),
		.lo = lo,
		.hi = hi,
		.by = by,
		.who = who,
		.steal = &nothing,
	};
	unsigned int cpu = cpu_of(k, span, &r.taken);

	if (hi <= lo)
		return;
	r.cpu = &t->cpu[cpu < TASKS_MAX_CPUS ? cpu : 0];
	if (cpu < CLOCK_MAX_VCPUS && clock_aligned(t->s->clock))
		r.steal = &t->s->vcpu[cpu];
	look(&r);
}
