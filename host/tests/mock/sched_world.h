/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scripted stream of scheduler events on top of a struct world: who runs where from
 * when on, who wakes whom. Times are as in attr_world.h; what is told of one CPU must
 * come in order.
 */
#ifndef SS_TEST_SCHED_WORLD_H
#define SS_TEST_SCHED_WORLD_H

#include "attr_world.h"

#define SW_CPUS	 8
#define SW_ALL	 (~0ULL) /* of cpus: any */
#define SW_INIT	 1	 /* tids that every world has: the workload's parent, */
#define SW_AGENT 2	 /* and the agent, a real-time task of the tool's */

struct sched_world {
	struct world w;
	uint32_t on[SW_CPUS]; /* who has the CPU, 0 nobody */
};

/* Why the task that had the CPU leaves it. */
enum sw_how {
	SW_SLEEPS,
	SW_PREEMPTED,
	SW_ENDS,
};

/* An empty one with @cpus idle CPUs, traced from T0 to @end, which is the window. */
void sw_init(struct sched_world *s, unsigned int cpus, int64_t end);
void sw_free(struct sched_world *s);
/* A workload's task, asleep at T0, that may use any CPU; its record to be changed. */
struct ss_rec_g_task *sw_task(struct sched_world *s, uint32_t tid, const char *comm);
/* The same of another class and policy. */
struct ss_rec_g_task *sw_other(struct sched_world *s, uint32_t tid, const char *comm,
			       unsigned int class, unsigned int policy);
/* At @at the CPU goes to @next, 0 nobody; who had it leaves as @how says. */
void sw_run(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t next, enum sw_how how);
/* On @cpu @waker wakes @tid, 0: an interrupt does; @flags as in SS_WAKE_*. */
void sw_wake(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t tid, uint32_t waker,
	     unsigned int flags);
/* The completion of request @serial does. */
void sw_wake_io(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t tid, uint32_t serial);
void sw_fork(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t child, uint32_t parent);
/* The CPU is told that there is work. */
void sw_kick(struct sched_world *s, unsigned int cpu, int64_t at);
void sw_lost(struct sched_world *s, unsigned int cpu, int64_t at, uint32_t lost);
void sw_mark(struct sched_world *s, int64_t at, unsigned int mark);
/* The vCPU of @cpu wants to run and doesn't get a host CPU. */
void sw_steal(struct sched_world *s, unsigned int cpu, int64_t from, int64_t to);
/*
 * A read of @tid's from @start to @done as request @serial, on which a throttle stall
 * from start + 10 us on takes @stall; the backing has the rest but for 30 us.
 */
void sw_io(struct sched_world *s, uint32_t tid, uint32_t serial, int64_t start, int64_t stall,
	   int64_t done);
/* Work it out; what must hold for any stream is checked. */
const struct tasks *sw_solve(struct sched_world *s);
/* The row of a task, which must be there. */
const struct task_row *sw_row(const struct sched_world *s, uint32_t tid);
/* What a task's waits came down to. */
uint64_t sw_ready(const struct sched_world *s, uint32_t tid, enum wait_cause c);
uint64_t sw_blocked(const struct sched_world *s, uint32_t tid, enum wait_cause c);

#endif /* SS_TEST_SCHED_WORLD_H */
