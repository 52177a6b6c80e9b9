// SPDX-License-Identifier: GPL-2.0-only
#include "guest_stream.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIDS 65536
#define CPUS 512

void tape_emit(void *tape, const struct ss_rec *rec, size_t len)
{
	struct tape *t = tape;

	ASSERT_EQ(rec->len, len);
	if (t->len + len > t->size) {
		t->size = 2 * (t->len + len);
		t->rec = realloc(t->rec, t->size);
		ASSERT_NOT_NULL(t->rec);
	}
	memcpy(t->rec + t->len, rec, len);
	t->len += len;
	t->nr++;
}

static void add_event(struct tape *t, __u64 ts, __u32 cpu, const struct ss_sched_event *e)
{
	if (e->type == SS_SCHED_MORE) {
		ASSERT_GT(t->nr_events, 0);
		ASSERT_EQ(t->event[t->nr_events - 1].cpu, cpu);
		t->event[t->nr_events - 1].more = (__u64)e->arg << 32 | e->tid;
		return;
	}
	if (t->nr_events == t->room) {
		t->room = t->room ? 2 * t->room : 4096;
		t->event = realloc(t->event, t->room * sizeof(*t->event));
		ASSERT_NOT_NULL(t->event);
	}
	t->event[t->nr_events] = (struct event){
		.ts = ts,
		.seq = (__u32)t->nr_events,
		.cpu = cpu,
		.type = e->type,
		.flags = e->flags,
		.aux = e->aux,
		.tid = e->tid,
		.arg = e->arg,
	};
	t->nr_events++;
}

static void add_batch(struct tape *t, const struct ss_rec_g_sched *b)
{
	__u64 ts = b->h.ts;

	ASSERT_EQ(b->h.len, sizeof(*b) + b->nr * sizeof(b->event[0]));
	ASSERT_LE(b->nr, SS_SCHED_BATCH_MAX);
	t->lost += b->lost;
	for (__u32 i = 0; i < b->nr; i++) {
		const struct ss_sched_event *e = &b->event[i];

		if (e->type == SS_SCHED_LATE) {
			ts += (__u64)e->arg << 32 | e->tid;
			continue;
		}
		ts += e->delta;
		ASSERT_GE(e->type, SS_SCHED_SWITCH);
		ASSERT_LE(e->type, SS_SCHED_CPU);
		add_event(t, ts, b->h.cpu, e);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

const void *tape_next(const struct tape *t, const void *at, unsigned int type)
{
	const char *p = at ? (const char *)at + ((const struct ss_rec *)at)->len : t->rec;

	for (; p < t->rec + t->len; p += ((const struct ss_rec *)p)->len)
		if (((const struct ss_rec *)p)->type == type)
			return p;
	return NULL;
}

void tape_sort(struct tape *t)
{
	for (const void *b = NULL; (b = tape_next(t, b, SS_REC_G_SCHED));)
		add_batch(t, b);
	if (t->nr_events)
		qsort(t->event, t->nr_events, sizeof(*t->event), by_time);
}

void tape_free(struct tape *t)
{
	free(t->rec);
	free(t->event);
	memset(t, 0, sizeof(*t));
}

const struct ss_rec_g_task *tape_task(const struct tape *t, __u32 tid, __u64 ts)
{
	const struct ss_rec_g_task *r = NULL, *best = NULL;

	while ((r = tape_next(t, r, SS_REC_G_TASK)))
		if (r->tid == tid && r->h.ts <= ts && (!best || r->h.ts >= best->h.ts))
			best = r;
	return best;
}

size_t tape_find(const struct tape *t, size_t from, unsigned int type, __u32 tid)
{
	while (from < t->nr_events && (t->event[from].type != type || t->event[from].tid != tid))
		from++;
	return from;
}

/* What the events so far have made of CPUs and tasks. */
struct world {
	enum ss_task_state task[TIDS];
	__u32 on_cpu[CPUS];
	bool cpu_known[CPUS];
	unsigned int faults;
};

static void fault(struct world *w, const struct event *e, const char *what, __u32 tid)
{
	if (w->faults++ < 20)
		TH_LOG("at %llu on CPU %u, event %u of %u (flags %#x, arg %u): %s, task %u",
		       (unsigned long long)e->ts, e->cpu, e->type, e->tid, e->flags, e->arg, what,
		       tid);
}

static void follow_switch(struct world *w, const struct event *e)
{
	enum ss_task_state *out = &w->task[e->tid % TIDS], *in = &w->task[e->arg % TIDS];

	if (w->cpu_known[e->cpu] && w->on_cpu[e->cpu] != e->tid)
		fault(w, e, "another one was on the CPU", w->on_cpu[e->cpu]);
	w->cpu_known[e->cpu] = true;
	w->on_cpu[e->cpu] = e->arg;
	if (e->tid && *out != SS_TASK_RUNNING && *out != SS_TASK_UNKNOWN)
		fault(w, e, "it didn't run", e->tid);
	if (e->arg && *in != SS_TASK_READY && *in != SS_TASK_UNKNOWN)
		fault(w, e, *in == SS_TASK_RUNNING ? "it ran already" : "it slept", e->arg);
	if (e->flags & SS_SWITCH_DEAD)
		*out = SS_TASK_UNKNOWN;
	else
		*out = e->flags & SS_SWITCH_PREEMPTED ? SS_TASK_READY : SS_TASK_SLEEPING;
	*in = SS_TASK_RUNNING;
}

static void follow(struct world *w, const struct event *e)
{
	enum ss_task_state *state = &w->task[e->tid % TIDS];

	switch (e->type) {
	case SS_SCHED_SWITCH:
		follow_switch(w, e);
		break;
	case SS_SCHED_WAKE:
		/* A task that is about to sleep, but preempted before it could: it is ready. */
		if (*state == SS_TASK_RUNNING)
			fault(w, e, "it didn't sleep", e->tid);
		*state = SS_TASK_READY;
		break;
	case SS_SCHED_FORK:
		*state = SS_TASK_READY;
		break;
	default:
		break;
	}
}

__u64 tape_mark(const struct tape *t, enum ss_mark mark)
{
	const struct ss_rec_g_mark *m = NULL;

	while ((m = tape_next(t, m, SS_REC_G_MARK)))
		if (m->mark == mark)
			return m->h.ts;
	return 0;
}

unsigned int tape_faults(const struct tape *t)
{
	__u64 begin = tape_mark(t, SS_MARK_TRACE_BEGIN), end = tape_mark(t, SS_MARK_TRACE_END);
	struct world *w = calloc(1, sizeof(*w));
	unsigned int faults;

	ASSERT_NOT_NULL(w);
	for (size_t i = 0; i < t->nr_events; i++) {
		ASSERT_LT(t->event[i].tid, TIDS);
		if (begin <= t->event[i].ts && t->event[i].ts <= end)
			follow(w, &t->event[i]);
	}
	faults = w->faults;
	free(w);
	return faults;
}

/* --- a test's session --- */

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void nap(__u64 ns)
{
	const struct timespec ts = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	nanosleep(&ts, NULL);
}

void session_begin(struct session *s)
{
	char err[512] = "";

	s->partial = tracer_start(&s->t, true, tape_emit, &s->tape, err, sizeof(err));
	if (s->partial)
		TH_LOG("%s", err);
	if (s->partial < 0)
		SKIP("no tracing here: %s", err);
}

void session_end(struct session *s)
{
	tracer_destroy(s->t);
	tape_free(&s->tape);
}

void session_finish(struct session *s)
{
	ASSERT_EQ(tracer_finish(s->t, &s->drops), 0);
	/* Two are marks, which aren't counted. */
	EXPECT_EQ(s->drops.recorded + 2, s->tape.nr);
	EXPECT_EQ(s->drops.lost, 0);
	tape_sort(&s->tape);
	EXPECT_EQ(s->tape.lost, 0);
	EXPECT_EQ(tape_faults(&s->tape), 0);
}

pid_t child(int (*what)(void *), void *arg)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (pid)
		return pid;
	_exit(what(arg));
}

void gone(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

int pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}
