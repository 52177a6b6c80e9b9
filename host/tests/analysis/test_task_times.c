// SPDX-License-Identifier: GPL-2.0-only
/* What tasks do when, from the stream: running, ready, blocked, asleep. */
#include "sched_fixture.h"

#define END (T0 + 100 * MS)

FIXTURE_SETUP(sched)
{
	sw_init(&self->s, 2, END);
}

TEST_F(sched, states,
       .title = "A3 A4 A5 a task's time is running, ready, blocked and asleep, to the ns")
{
	struct sched_world *s = &self->s;
	const struct task_row *r;

	sw_task(s, 10, "reader");
	sw_other(s, 11, "daemon", SS_TASK_OTHER, 0);
	/* Asleep until its timer at 10, ready until 12, runs until 20. */
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + 12 * MS, 10, SW_SLEEPS);
	/* Preempted from 20 to 25, blocked from 30 to 55, ready until 60, blocked again at 61. */
	sw_run(s, 0, T0 + 20 * MS, 11, SW_PREEMPTED);
	sw_run(s, 0, T0 + 25 * MS, 10, SW_SLEEPS);
	sw_run(s, 0, T0 + 30 * MS, 0, SW_SLEEPS);
	sw_wake(s, 1, T0 + 55 * MS, 10, 11, 0);
	sw_run(s, 1, T0 + 60 * MS, 10, SW_SLEEPS);
	sw_run(s, 1, T0 + 61 * MS + 7, 0, SW_SLEEPS);
	sw_solve(s);
	r = sw_row(s, 10);
	EXPECT_NEAR(r->time[TASK_RUNS], 8 * MS + 5 * MS + 1 * MS + 7);
	EXPECT_NEAR(r->time[TASK_READY], 2 * MS + 5 * MS + 5 * MS);
	EXPECT_NEAR(r->time[TASK_BLOCKED], 25 * MS + 39 * MS - 7);
	EXPECT_NEAR(r->time[TASK_ASLEEP], 10 * MS);
	EXPECT_NEAR(r->life, 100 * MS);
	EXPECT_EQ(r->wakes, 2);
	EXPECT_EQ(r->slices, 3);
	EXPECT_EQ(r->migrations, 1);
	EXPECT_STREQ(r->comm, "reader");
}

TEST_F(sched, born_and_dead,
       .title = "A4 a fork makes a task ready; it lives until it is off its CPU for good")
{
	struct sched_world *s = &self->s;
	struct ss_rec_g_task *g;
	const struct task_row *r;

	sw_task(s, 10, "sh");
	sw_wake(s, 0, T0 + 1 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 1 * MS, 10, SW_SLEEPS);
	sw_fork(s, 0, T0 + 5 * MS, 20, 10);
	g = sw_task(s, 20, "child");
	g->h.ts += 5 * MS;
	g->state = SS_TASK_UNKNOWN;
	sw_run(s, 1, T0 + 9 * MS, 20, SW_SLEEPS);
	sw_run(s, 1, T0 + 30 * MS, 0, SW_ENDS);
	/* Another one of that number, of which nothing is told, isn't the same. */
	sw_fork(s, 0, T0 + 50 * MS, 20, 10);
	sw_run(s, 1, T0 + 51 * MS, 20, SW_SLEEPS);
	sw_solve(s);
	r = sw_row(s, 20);
	EXPECT_STREQ(r->comm, "child");
	EXPECT_NEAR(r->life, 25 * MS);
	EXPECT_NEAR(r->time[TASK_READY], 4 * MS);
	EXPECT_NEAR(r->time[TASK_RUNS], 21 * MS);
	EXPECT_EQ(self->s.w.a.tasks_time.workload, 2);
}

TEST_F(sched, preempted_on_its_way,
       .title = "A4 a wake-up of a task that is ready already changes nothing")
{
	struct sched_world *s = &self->s;
	const struct task_row *r;

	sw_task(s, 10, "reader");
	sw_wake(s, 0, T0 + 1 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 1 * MS, 10, SW_SLEEPS);
	sw_run(s, 0, T0 + 2 * MS, SW_INIT, SW_PREEMPTED);
	sw_wake(s, 1, T0 + 4 * MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 1, T0 + 7 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	r = sw_row(s, 10);
	EXPECT_NEAR(r->time[TASK_READY], 5 * MS);
	EXPECT_EQ(r->time[TASK_ASLEEP], 0);
	EXPECT_EQ(r->wakes, 1);
}

TEST_F(sched, window, .title = "A1 what is before and after the window is counted apart")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;

	sw_mark(s, T0 + 20 * MS, SS_MARK_WINDOW_BEGIN);
	sw_mark(s, T0 + 50 * MS, SS_MARK_WINDOW_END);
	sw_task(s, 10, "reader");
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 30 * MS, 10, SW_SLEEPS);
	sw_run(s, 0, T0 + 80 * MS, 0, SW_SLEEPS);
	t = sw_solve(s);
	EXPECT_NEAR(t->window, 30 * MS);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_READY], 10 * MS);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_RUNS], 20 * MS);
	EXPECT_NEAR(t->held, 10 * MS);
	EXPECT_NEAR(t->before[TASK_BLOCKED], 10 * MS);
	EXPECT_NEAR(t->before[TASK_READY], 10 * MS);
	EXPECT_NEAR(t->after[TASK_RUNS], 30 * MS);
	EXPECT_NEAR(t->after[TASK_BLOCKED], 20 * MS);
}

TEST_F(sched, classes,
       .title =
	       "A2 only the workload's tasks have rows; agent, scheduler and kernel are kinds of their own")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;

	sw_task(s, 10, "reader");
	sw_other(s, 11, "scx_x", SS_TASK_SCHEDULER, 0);
	sw_other(s, 12, "kworker/0", SS_TASK_KERNEL, 0);
	sw_run(s, 0, T0 + 10 * MS, SW_AGENT, SW_SLEEPS);
	sw_run(s, 0, T0 + 12 * MS, 11, SW_SLEEPS);
	sw_run(s, 0, T0 + 15 * MS, 12, SW_SLEEPS);
	sw_run(s, 0, T0 + 19 * MS, 0, SW_SLEEPS);
	t = sw_solve(s);
	EXPECT_EQ(t->workload, 1);
	EXPECT_EQ(t->rows, 1);
	EXPECT_NEAR(t->kind[SS_TASK_TOOL].time[TASK_RUNS], 2 * MS);
	EXPECT_NEAR(t->kind[SS_TASK_SCHEDULER].time[TASK_RUNS], 3 * MS);
	EXPECT_NEAR(t->kind[SS_TASK_KERNEL].time[TASK_RUNS], 4 * MS);
}

TEST_F(sched, losses,
       .title = "a stream with a hole is followed on, and what contradicts it counted")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;

	sw_task(s, 10, "reader");
	sw_lost(s, 0, T0 + 5 * MS, 3);
	/* Nobody woke it, as far as is known. */
	sw_run(s, 0, T0 + 10 * MS, 10, SW_SLEEPS);
	t = sw_solve(s);
	EXPECT_EQ(t->lost, 3);
	EXPECT_EQ(t->mended, 1);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_RUNS], 90 * MS);
}

TEST_HARNESS_MAIN
