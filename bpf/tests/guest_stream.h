/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler's stream as the tests look at it: all events of all CPUs in one line. */
#ifndef SS_TEST_GUEST_STREAM_H
#define SS_TEST_GUEST_STREAM_H

#include <sys/types.h>

#include "agent/tracer.h"
#include "ss_harness.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

struct event {
	__u64 ts;
	__u32 seq; /* its place in the records, for those of one instant */
	__u32 cpu;
	__u8 type, flags;
	__u16 aux;
	__u32 tid, arg;
	__u64 more; /* SS_SCHED_MORE's, 0 none */
};

struct tape {
	char *rec; /* all records, one behind the other */
	size_t len, size;
	__u64 nr;
	struct event *event;
	size_t nr_events, room;
	__u64 lost;
};

/** tape_emit() - the tracer's emit function: keep a record. */
void tape_emit(void *tape, const struct ss_rec *rec, size_t len);

/** tape_sort() - put all events together, in the order of time. */
void tape_sort(struct tape *t);

void tape_free(struct tape *t);

/** tape_next() - the next record of a type behind @at, NULL if there is none. */
const void *tape_next(const struct tape *t, const void *at, unsigned int type);

/** tape_task() - the last record about a task at a time, NULL none. */
const struct ss_rec_g_task *tape_task(const struct tape *t, __u32 tid, __u64 ts);

/** tape_find() - the first event of a type about a task from place @from on. Return: its place, or nr_events. */
size_t tape_find(const struct tape *t, size_t from, unsigned int type, __u32 tid);

/** tape_mark() - the time of a mark, 0 if there is none. */
__u64 tape_mark(const struct tape *t, enum ss_mark mark);

/** tape_faults() - follow every CPU and task through the events: how often doesn't one follow from the one before? */
unsigned int tape_faults(const struct tape *t);

/** struct session - what a test has traced. */
struct session {
	struct tracer *t;
	struct tape tape;
	struct ss_drops drops;
	int partial; /* something isn't traced here */
};

/** session_begin() - start tracing; the test is skipped where that can't be. */
void session_begin(struct session *s);

/**
 * session_finish() - stop tracing and put the events together. Nothing may be lost, and
 * each event must follow from those before it. The test's children have ended.
 */
void session_finish(struct session *s);

void session_end(struct session *s);

__u64 now_ns(void);

void nap(__u64 ns);

/** child() - start a child that does @what and ends with the status that this gives. */
pid_t child(int (*what)(void *), void *arg);

/** gone() - wait for a child's end, with status 0. */
void gone(pid_t pid);

/** pin() - have a process run on one CPU. */
int pin(pid_t pid, int cpu);

#endif /* SS_TEST_GUEST_STREAM_H */
