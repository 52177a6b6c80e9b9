/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by tasks_*.c and waits_*.c. Times are ns on the attribution's line: the
 * host's, or the guest's where the clocks can't be aligned.
 */
#ifndef SS_TASKS_INT_H
#define SS_TASKS_INT_H

#include "analysis/attribution_int.h"
#include "analysis/tasks.h"

#define TASKS_MAX_CPUS SS_TASK_CPUS_MAX
#define TASKS_NONE     UINT32_MAX
#define TASKS_IDLE     (UINT32_MAX - 1) /* who has a CPU: nobody */
#define TASKS_MAX_SETS 16		/* sets of several CPUs that are told apart */
#define TASKS_SLICE_NS 3000000ULL	/* EEVDF's base slice */

/* An event as kept until it is its turn. */
struct t_event {
	uint64_t ts; /* guest's */
	uint32_t tid, arg, serial;
	uint16_t aux;
	uint8_t type, flags;
};

struct t_chunk {
	struct t_chunk *next;
	uint32_t nr;
	struct t_event ev[2048];
};

/* Who has a CPU from t on. */
struct t_turn {
	int64_t t;
	int64_t kick; /* when it was told that there is work, INT64_MAX never */
	uint32_t task;
};

struct t_cpu {
	struct t_chunk *head, *tail;
	uint32_t read; /* in head */
	uint64_t last;
	int64_t now; /* the next event's time, for the merge */
	struct t_turn *turn;
	uint32_t turns, turn_cap;
	uint32_t *set; /* sets of CPUs that it belongs to */
	uint32_t sets, set_cap;
	bool seen, offline;
};

/* A set of CPUs, and when one of them idled. */
struct t_set {
	__u64 cpus[SS_TASK_CPUS_MAX / 64];
	struct ivals idle;
	int64_t since; /* idle > 0: since when */
	uint32_t nr_idle;
};

enum t_state {
	T_UNBORN, /* not known to be there */
	T_RUNS,
	T_READY,
	T_SLEEPS,
	T_DEAD,
};

#define T_IO	 0x01 /* of T_SLEEPS: who is a request's serial */
#define T_ASLEEP 0x02 /* it ended by the sleeper's own choice */
#define T_OPEN	 0x04 /* it never ended */

/* A task is in state from t on until its next span. */
struct t_span {
	int64_t t;
	uint32_t who; /* T_SLEEPS: serial of the request that ended it, T_READY: who woke it */
	uint16_t cpu; /* T_RUNS: where */
	uint8_t state, flags;
};

/* What is known of a task from t on. */
struct t_info {
	int64_t t;
	struct ss_rec_g_task rec;
	uint32_t set; /* index of t_set, TASKS_NONE: any CPU */
};

struct t_task {
	uint32_t tid, parent; /* parent: index */
	uint32_t spans, span_cap;
	struct t_span *span;
	uint32_t *info; /* indices, in order */
	uint32_t infos, info_cap;
	uint32_t class;
	uint32_t weight; /* of the latest info */
	bool rt;
	uint32_t hold_of; /* the wait that held is about */
	uint64_t held;
	uint64_t rt_ns; /* that it kept others waiting as a real-time task */
	bool mark;	/* on the chain that is followed */
};

struct t_mark {
	uint64_t ts, arg;
	uint32_t mark;
};

/* A long wait, [lo, hi) of a span. */
struct t_top {
	uint32_t task, span;
	int64_t lo, hi;
};

struct tasks_state {
	struct attr_state *s;
	struct tasks *out;
	struct t_cpu cpu[TASKS_MAX_CPUS];
	struct t_set *set;
	uint32_t sets, set_cap, wide_sets;
	struct t_task *task;
	uint32_t tasks, task_cap;
	uint32_t *hash; /* of tids: index of the latest task + 1 */
	uint32_t hash_size;
	struct t_info *info;
	uint32_t infos, info_cap, info_at;
	struct t_mark *mark;
	uint32_t marks, mark_cap;
	uint64_t events, lost;
	uint64_t mended, lost_links, coarse, steps, budget;
	int64_t begin, end;   /* the window */
	int64_t first, last;  /* the stream */
	uint32_t wait;	      /* numbers the waits that are split */
	struct ivals stalled; /* some disk was */
	struct ivals open;    /* the same, by stalls that never ended */
	struct t_top top[TASKS_MAX_WAITS + 1];
	uint32_t tops;
	struct a_serial *serial;
	uint32_t serials;
	uint64_t baseline; /* of one IO's backing, ns */
};

struct a_serial {
	uint32_t serial, io;
};

/* ---- tasks_read.c ---- */

/** tasks_new() - nothing read yet. Return: NULL without memory. */
struct tasks_state *tasks_new(void);
void tasks_free(struct tasks_state *t);
/** tasks_add() - a record of the guest's; @events with SS_REC_G_SCHED. Return: 0 or -ENOMEM. */
int tasks_add(struct tasks_state *t, const union events_rec *rec,
	      const struct ss_sched_event *events);
/**
 * tasks_run() - follow the stream and work everything out, into s->out->tasks.
 *
 * After attr_split(). Return: 0, also without a stream, or -ENOMEM.
 */
int tasks_run(struct tasks_state *t, struct attr_state *s);

/** tasks_grow() - room for one more of @size in an array. Return: 0 or -ENOMEM. */
int tasks_grow(void **arr, size_t size, uint32_t nr, uint32_t *cap);

/* ---- tasks_follow.c, tasks_tables.c ---- */

/** tasks_follow() - from events to spans, turns and idle times. Return: 0 or -ENOMEM. */
int tasks_follow(struct tasks_state *t);
/** tasks_find() - the latest task with that tid. Return: its index or TASKS_NONE. */
uint32_t tasks_find(const struct tasks_state *t, uint32_t tid);
/** tasks_task() - the same, made if need be. Return: TASKS_NONE without memory. */
uint32_t tasks_task(struct tasks_state *t, uint32_t tid);
/** tasks_fresh() - a new task of that tid, instead of one before it. */
uint32_t tasks_fresh(struct tasks_state *t, uint32_t tid);
/** tasks_set() - a set of CPUs as an index. Return: TASKS_NONE: too many are told apart. */
uint32_t tasks_set(struct tasks_state *t, const __u64 *cpus);
/** tasks_info() - what is known of a task at @at, NULL nothing. */
const struct t_info *tasks_info(const struct tasks_state *t, uint32_t task, int64_t at);
/** tasks_is_rt() - is a policy a real-time one? */
bool tasks_is_rt(const struct ss_rec_g_task *rec);
/** tasks_span_at() - index of the span that holds @at, or of its first. */
uint32_t tasks_span_at(const struct t_task *task, int64_t at);
/** tasks_span_end() - where a span ends. */
int64_t tasks_span_end(const struct tasks_state *t, const struct t_task *task, uint32_t span);

#endif /* SS_TASKS_INT_H */
