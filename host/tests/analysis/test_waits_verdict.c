// SPDX-License-Identifier: GPL-2.0-only
/* Who is to blame, by the time that tasks were held up. */
#include <stdio.h>
#include <string.h>

#include "sched_fixture.h"

#define END (T0 + 1000 * MS)

FIXTURE_SETUP(sched)
{
	struct sched_world *s = &self->s;

	sw_init(s, 2, END);
	sw_task(s, 10, "fio");
	sw_wake(s, 0, T0 + MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + MS, 10, SW_SLEEPS);
}

/* From @at on: blocked on an IO for @io, of which all but 1 ms is a stall, then held back for @held. */
static int64_t round_trip(struct sched_world *s, int64_t at, int64_t io, int64_t held)
{
	static uint32_t serial = 100;
	int64_t done = at + io;

	if (io) {
		sw_io(s, 10, ++serial, at - 10 * US, io - MS, done);
		sw_run(s, 0, at, 0, SW_SLEEPS);
		sw_wake_io(s, 0, done, 10, serial);
	} else {
		sw_run(s, 0, at, 0, SW_SLEEPS);
		done += 1 * US;
		sw_wake(s, 0, done, 10, 0, SS_WAKE_TIMER);
	}
	sw_run(s, 0, done + held + US, 10, SW_SLEEPS);
	return done + held + MS;
}

static void rounds(struct sched_world *s, int64_t io, int64_t held)
{
	for (int64_t at = T0 + 10 * MS; at + io + held < END - MS;)
		at = round_trip(s, at, io, held);
}

TEST_F(sched, throttle,
       .title =
	       "A21 A22 the base is the time that tasks were held up, the verdict the heaviest cause")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	const struct tasks *t;

	rounds(&self->s, 60 * MS, 0);
	t = sw_solve(&self->s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_THROTTLE);
	EXPECT_TRUE(v->by_tasks);
	EXPECT_EQ(v->nr_listed, 1);
	EXPECT_EQ(t->held, t->sum.time[TASK_READY] + t->sum.time[TASK_BLOCKED]);
	EXPECT_LE((uint64_t)(v->share * (double)t->held), t->cause[WAIT_THROTTLE] + 1);
	EXPECT_TRUE(strstr(v->sentence, "throttle stalls on disk0"));
	EXPECT_TRUE(strstr(v->sentence, "1 task held up 9"));
}

TEST_F(sched, held,
       .title = "A22 a scheduler that holds tasks back though CPUs idle is named, with its kind")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;

	rounds(&self->s, 0, 63 * MS);
	sw_solve(&self->s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_SCHEDULER);
	EXPECT_STREQ(v->kind, "idle");
}

TEST_F(sched, mixture, .title = "A22 two causes about equal are both named")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;

	rounds(&self->s, 40 * MS, 33 * MS);
	sw_solve(&self->s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_THROTTLE);
	ASSERT_EQ(v->nr_listed, 2);
	EXPECT_EQ(v->listed[1], ATTR_CAUSE_SCHEDULER);
	EXPECT_TRUE(strstr(v->sentence, "throttle stalls"));
	EXPECT_TRUE(strstr(v->sentence, "the guest's scheduler"));
}

TEST_F(sched, minor,
       .title = "A22 a cause with less than half of the first's weight is listed, but not named")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;

	rounds(&self->s, 60 * MS, 15 * MS);
	sw_solve(&self->s);
	ASSERT_EQ(v->nr_listed, 2);
	EXPECT_EQ(v->listed[1], ATTR_CAUSE_SCHEDULER);
	EXPECT_FALSE(strstr(v->sentence, "scheduler"));
}

TEST_F(sched, host,
       .title = "A24 where it is the host, the heaviest cause within the guest is told, too")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	struct sched_world *s = &self->s;

	for (int64_t at = T0 + 10 * MS; at < END - 80 * MS; at += 80 * MS) {
		sw_run(s, 0, at, 0, SW_SLEEPS);
		sw_wake(s, 1, at + US, 10, 0, SS_WAKE_TIMER);
		sw_kick(s, 0, at + 20 * MS);
		sw_steal(s, 0, at + 20 * MS, at + 70 * MS);
		sw_run(s, 0, at + 70 * MS, 10, SW_SLEEPS);
	}
	sw_solve(s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_HOST);
	EXPECT_STREQ(v->kind, "vcpu");
	EXPECT_EQ(v->guest_cause, ATTR_CAUSE_SCHEDULER);
	EXPECT_TRUE(strstr(v->sentence, "within the guest it is scheduler"));
}

TEST_F(sched, quick, .title = "A25 IO that costs what it always does is nobody's fault")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	struct sched_world *s = &self->s;

	for (int64_t at = T0 + 10 * MS; at < END - 10 * MS; at += MS) {
		uint32_t serial = (uint32_t)((at - T0) / MS);

		sw_io(s, 10, serial, at - 10 * US, 0, at + 300 * US);
		sw_run(s, 0, at, 0, SW_SLEEPS);
		sw_wake_io(s, 0, at + 300 * US, 10, serial);
		sw_run(s, 0, at + 305 * US, 10, SW_SLEEPS);
	}
	sw_solve(s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_NONE);
	EXPECT_EQ(v->nr_listed, 0);
	EXPECT_EQ(sw_blocked(s, 10, WAIT_BACKING), 0);
}

TEST_F(sched, slow, .title = "A25 a backing that is always slow is at fault nevertheless")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	struct sched_world *s = &self->s;

	for (int64_t at = T0 + 10 * MS; at < END - 30 * MS; at += 25 * MS) {
		uint32_t serial = (uint32_t)((at - T0) / MS);

		sw_io(s, 10, serial, at - 10 * US, 0, at + 20 * MS);
		sw_run(s, 0, at, 0, SW_SLEEPS);
		sw_wake_io(s, 0, at + 20 * MS, 10, serial);
		sw_run(s, 0, at + 20 * MS + 5 * US, 10, SW_SLEEPS);
	}
	sw_solve(s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_BACKING);
}

TEST_F(sched, doubt,
       .title = "A26 the share that can't be explained is given, and said to matter where it does")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	struct sched_world *s = &self->s;

	/* 250 ms held back, 300 ms blocked on who knows what. */
	sw_run(s, 0, T0 + 100 * MS, 0, SW_SLEEPS);
	sw_wake(s, 0, T0 + 400 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 650 * MS, 10, SW_SLEEPS);
	sw_lost(s, 1, T0 + 700 * MS, 7);
	sw_solve(s);
	EXPECT_EQ(v->cause, ATTR_CAUSE_SCHEDULER);
	EXPECT_TRUE(v->doubtful);
	EXPECT_TRUE(v->unexplained > 0.54 && v->unexplained < 0.55);
	EXPECT_TRUE(strstr(v->sentence, "55 % can't be explained, enough to change"));
	EXPECT_TRUE(strstr(v->sentence, "7 events of the guest were lost"));
	EXPECT_FALSE(v->complete);
}

TEST_F(sched, ejected, .title = "A23 an ejected scheduler is what the verdict says first")
{
	const struct attr_verdict *v = &self->s.w.a.verdict;
	struct sched_world *s = &self->s;
	struct ss_rec_g_scx *x = &world_rec(&s->w, SS_REC_G_SCX, sizeof(*x), T0 + 600 * MS)->g_scx;

	x->event = SS_SCX_EXIT;
	x->exit_kind = 1026;
	strcpy(x->name, "bad");
	strcpy(x->reason, "runnable task stall");
	sw_run(s, 0, T0 + 100 * MS, 0, SW_SLEEPS);
	sw_wake(s, 0, T0 + 100 * MS + US, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + 600 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_EQ(strstr(v->sentence, "the kernel ejected the scheduler bad (runnable task stall)"),
		  v->sentence);
	EXPECT_EQ(v->cause, ATTR_CAUSE_SCHEDULER);
	EXPECT_STREQ(v->kind, "ejected");
	EXPECT_FALSE(v->complete);
}

TEST_F(sched, no_stream,
       .title = "A21 a recording without a stream is judged by its IOs, as before")
{
	struct world w;

	world_init(&w);
	world_io(&w, &world_plain);
	world_solve(&w);
	EXPECT_FALSE(w.a.verdict.by_tasks);
	EXPECT_FALSE(w.a.tasks_time.present);
	EXPECT_TRUE(strstr(w.a.verdict.sentence, "IOs"));
	world_free(&w);
}

TEST_F(sched, again, .title = "A33 a recording gives the same figures when it is read again")
{
	struct sched_world *s = &self->s;
	static struct attribution again;
	char path[300];

	snprintf(path, sizeof(path), "%s/events.bin", ss_tmpdir());
	rounds(s, 40 * MS, 33 * MS);
	sw_solve(s);
	world_write(&s->w, path);
	ASSERT_EQ(attribution_run(path, &s->w.cfg, &again), 0);
	EXPECT_MEMEQ(&again.tasks_time, &s->w.a.tasks_time, sizeof(again.tasks_time));
	EXPECT_STREQ(again.verdict.sentence, s->w.a.verdict.sentence);
}

/* Two CPUs, @tasks tasks that take turns of 1 ms for @n rounds. */
static uint64_t work(struct sched_world *s, unsigned int tasks, unsigned int n, uint64_t *events)
{
	sw_free(s);
	sw_init(s, 2, T0 + 50 * SEC);
	for (unsigned int i = 0; i < tasks; i++)
		sw_task(s, 100 + i, "turns");
	for (unsigned int i = 0; i < tasks; i++)
		sw_wake(s, i & 1, T0 + MS, 100 + i, 0, SS_WAKE_TIMER);
	for (unsigned int k = 0; k < n; k++)
		for (unsigned int c = 0; c < 2; c++)
			sw_run(s, c, T0 + (2 + k) * MS, 100 + c + 2 * (k % (tasks / 2)),
			       SW_PREEMPTED);
	sw_solve(s);
	*events = s->w.a.tasks_time.events;
	return s->w.a.tasks_time.steps;
}

TEST_F(sched, linear,
       .title =
	       "A33 twice the events are twice the work, and many tasks at once don't exceed the budget")
{
	uint64_t few, many, crowd, events;

	few = work(&self->s, 16, 4000, &events);
	many = work(&self->s, 16, 8000, &events);
	EXPECT_LE(many, few * 21 / 10);
	EXPECT_EQ(self->s.w.a.tasks_time.coarse, 0);
	crowd = work(&self->s, 1000, 20000, &events);
	/* What is always allowed, and 64 and some for each event. */
	EXPECT_LE(crowd, (1 << 20) + 80 * events);
	EXPECT_GT(self->s.w.a.tasks_time.coarse, 0);
}

TEST_HARNESS_MAIN
