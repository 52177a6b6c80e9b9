// SPDX-License-Identifier: GPL-2.0-only
/* What a task that is blocked waits for, along who wakes whom. */
#include "sched_fixture.h"

#define END  (T0 + 200 * MS)
#define JBD2 110

FIXTURE_SETUP(sched)
{
	struct sched_world *s = &self->s;

	sw_init(s, 2, END);
	sw_task(s, 10, "fio");
	sw_other(s, JBD2, "jbd2/vda-8", SS_TASK_KERNEL, 0);
	sw_wake(s, 0, T0 + 5 * MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + 5 * MS, 10, SW_SLEEPS);
}

TEST_F(sched, io,
       .title =
	       "A12 A15 blocked on an IO: its parts, clipped to the span, once whatever else was in flight")
{
	struct sched_world *s = &self->s;

	/* Serial 7 is in flight with it, and longer. */
	sw_io(s, 10, 7, T0 + 6 * MS, 0, T0 + 90 * MS);
	sw_io(s, 10, 8, T0 + 8 * MS, 61 * MS, T0 + 72 * MS);
	sw_run(s, 0, T0 + 9 * MS, 0, SW_SLEEPS);
	sw_wake_io(s, 0, T0 + 72 * MS, 10, 8);
	sw_run(s, 0, T0 + 72 * MS + 500 * US, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_BLOCKED], 63 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_THROTTLE), 60 * MS + 10 * US);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_BACKING) + sw_blocked(s, 10, WAIT_BASELINE),
		    3 * MS - 30 * US);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_COMPLETION), 20 * US);
	EXPECT_EQ(sw_blocked(s, 10, WAIT_UNKNOWN), 0);
}

TEST_F(sched, fsync,
       .title = "A13 A14 an fsync is seen through jbd2 to the throttle, and its chain shown")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;
	const struct wait_top *w;

	sw_wake(s, 0, T0 + 9 * MS, JBD2, 10, 0);
	sw_run(s, 0, T0 + 10 * MS, 0, SW_SLEEPS);
	sw_run(s, 1, T0 + 11 * MS, JBD2, SW_SLEEPS);
	sw_io(s, JBD2, 9, T0 + 12 * MS, 57 * MS, T0 + 70 * MS);
	sw_run(s, 1, T0 + 12 * MS, 0, SW_SLEEPS);
	sw_wake_io(s, 1, T0 + 70 * MS, JBD2, 9);
	sw_run(s, 1, T0 + 72 * MS, JBD2, SW_SLEEPS);
	sw_wake(s, 1, T0 + 73 * MS, 10, JBD2, 0);
	sw_run(s, 1, T0 + 73 * MS, 10, SW_SLEEPS);
	t = sw_solve(s);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_BLOCKED], 63 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_THROTTLE), 57 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_SERVED), 2 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_SCHED_IDLE), 3 * MS);
	ASSERT_GE(t->waits, 1);
	w = &t->wait[0];
	EXPECT_EQ(w->tid, 10);
	EXPECT_NEAR(w->ns, 63 * MS);
	EXPECT_NEAR(w->at, 10 * MS);
	ASSERT_EQ(w->links, 3);
	EXPECT_EQ(w->link[0].kind, WAIT_LINK_TASK);
	EXPECT_EQ(w->link[0].tid, JBD2);
	EXPECT_STREQ(w->link[0].comm, "jbd2/vda-8");
	EXPECT_EQ(w->link[1].kind, WAIT_LINK_DISK);
	EXPECT_EQ(w->link[1].tid, 0);
	EXPECT_EQ(w->link[2].kind, WAIT_LINK_CAUSE);
	EXPECT_EQ(w->link[2].cause, WAIT_THROTTLE);
	EXPECT_NEAR(w->link[2].ns, 57 * MS);
}

TEST_F(sched, held_partner,
       .title = "A13 A14 a pipe's partner that is held back by the scheduler is the scheduler's")
{
	struct sched_world *s = &self->s;

	sw_task(s, 20, "writer");
	sw_wake(s, 0, T0 + 9 * MS, 20, 10, 0);
	sw_run(s, 0, T0 + 10 * MS, 0, SW_SLEEPS);
	sw_run(s, 1, T0 + 70 * MS, 20, SW_SLEEPS);
	sw_wake(s, 1, T0 + 71 * MS, 10, 20, 0);
	sw_run(s, 0, T0 + 71 * MS + US, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_SCHED_IDLE), 60 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_SERVED), 1 * MS);
}

TEST_F(sched, limits,
       .title = "A13 no link twice, at most sixteen, and what is lost is unknown and counted")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;

	/* Each of 24 sleeps until the one before it wakes it. */
	for (uint32_t i = 0; i < 24; i++)
		sw_other(s, 200 + i, "link", SS_TASK_OTHER, 0);
	sw_run(s, 0, T0 + 10 * MS, 0, SW_SLEEPS);
	sw_wake(s, 1, T0 + 50 * MS, 200, 0, 0);
	sw_run(s, 1, T0 + 50 * MS, 200, SW_SLEEPS);
	for (uint32_t i = 1; i < 24; i++) {
		sw_wake(s, 1, T0 + (50 + i) * MS, 200 + i, 199 + i, 0);
		sw_run(s, 1, T0 + (50 + i) * MS, 200 + i, SW_SLEEPS);
	}
	sw_wake(s, 1, T0 + 80 * MS, 10, 223, 0);
	sw_run(s, 0, T0 + 80 * MS + US, 10, SW_SLEEPS);
	t = sw_solve(s);
	EXPECT_GT(t->lost_links, 0);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_SERVED), 22 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_UNKNOWN), 48 * MS);
}

TEST_F(sched, outlasts, .title = "A11 A12 a stall that outlasts the run counts until its end")
{
	struct sched_world *s = &self->s;
	const struct tasks *t;

	sw_run(s, 0, T0 + 50 * MS, 0, SW_SLEEPS);
	world_stall(&s->w, 0, 0, T0 + 50 * MS + 10 * US, END, 3600 * SEC);
	s->w.nr--; /* it never ended */
	t = sw_solve(s);
	EXPECT_NEAR(sw_row(s, 10)->time[TASK_BLOCKED], 150 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_THROTTLE), 150 * MS - 10 * US);
	EXPECT_TRUE(t->wait[0].open);
}

TEST_F(sched, ksoftirqd,
       .title = "A16 a completion whose ksoftirqd waits for a CPU is what that waits for")
{
	struct sched_world *s = &self->s;

	sw_other(s, 15, "ksoftirqd/1", SS_TASK_KERNEL, 0);
	sw_other(s, 100, "fifo", SS_TASK_OTHER, 1);
	sw_run(s, 0, T0 + 10 * MS, 100, SW_SLEEPS);
	sw_run(s, 1, T0 + 10 * MS, 100 + 1, SW_SLEEPS);
	sw_other(s, 101, "fifo", SS_TASK_OTHER, 1);
	sw_io(s, 10, 8, T0 + 9 * MS, 0, T0 + 60 * MS);
	s->w.rec[s->w.nr - 1].req.h.ts = (uint64_t)(T0 + 20 * MS);
	s->w.rec[s->w.nr - 1].req.backing_done_ts = (uint64_t)(T0 + 20 * MS);
	sw_wake(s, 1, T0 + 20 * MS, 15, 0, 0);
	sw_run(s, 1, T0 + 59 * MS, 15, SW_PREEMPTED);
	sw_wake_io(s, 1, T0 + 60 * MS, 10, 8);
	s->w.rec[s->w.nr - 1].g_sched.event[0].arg = 15;
	sw_run(s, 1, T0 + 61 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_RT), 39 * MS);
	EXPECT_NEAR(sw_blocked(s, 10, WAIT_COMPLETION), 1 * MS);
}

TEST_F(sched, stalled_split, .title = "A28 waits are split by whether a disk was stalled meanwhile")
{
	struct sched_world *s = &self->s;
	const struct task_row *r;

	sw_run(s, 0, T0 + 10 * MS, 0, SW_SLEEPS);
	world_stall(&s->w, 0, 0, T0 + 30 * MS, T0 + 40 * MS, 10 * MS);
	sw_wake(s, 0, T0 + 20 * MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + 60 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	r = sw_row(s, 10);
	EXPECT_NEAR(r->ready[1][WAIT_SCHED_IDLE], 10 * MS);
	EXPECT_NEAR(r->ready[0][WAIT_SCHED_IDLE], 30 * MS);
}

TEST_HARNESS_MAIN
