// SPDX-License-Identifier: GPL-2.0-only
/* What keeps a ready task off the CPUs. */
#include <string.h>

#include "sched_fixture.h"

#define END (T0 + 1000 * MS)
#define HOG 100

FIXTURE_SETUP(sched)
{
	sw_init(&self->s, 2, END);
	sw_task(&self->s, 10, "reader");
}

static void only_cpu0(struct ss_rec_g_task *g)
{
	memset(g->cpus, 0, sizeof(g->cpus));
	g->cpus[0] = 1;
}

static void hog_on(struct sched_world *s, unsigned int cpu)
{
	sw_other(s, HOG + cpu, "hog", SS_TASK_OTHER, 0);
	sw_run(s, cpu, T0 + MS, HOG + cpu, SW_SLEEPS);
}

TEST_F(sched, idle, .title = "A7 ready while a CPU that it may use idles: the scheduler's")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 73 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 63 * MS);
}

TEST_F(sched, idle_steal,
       .title = "A6 A7 steal of a vCPU that idles is never the host's, but for what follows a kick")
{
	struct sched_world *s = &self->s;

	/* Held 63 ms; both vCPUs stolen now and then, the last 3 ms behind the kick. */
	sw_steal(s, 0, T0 + 20 * MS, T0 + 40 * MS);
	sw_steal(s, 1, T0 + 15 * MS, T0 + 50 * MS);
	sw_steal(s, 0, T0 + 69 * MS, T0 + 73 * MS);
	sw_wake(s, 1, T0 + 10 * MS, 10, 0, 0);
	sw_kick(s, 0, T0 + 70 * MS);
	sw_run(s, 0, T0 + 73 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_HOST_VCPU), 3 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 60 * MS);
}

TEST_F(sched, spurious_kick,
       .title =
	       "A6 A7 a kick long before, after which the CPU ran and didn't switch, was for something else")
{
	struct sched_world *s = &self->s;

	/* Told at 11, stolen at 20 for 10 ms, and from 71 on for 2 ms: these only end in the switch. */
	sw_steal(s, 0, T0 + 20 * MS, T0 + 30 * MS);
	sw_steal(s, 0, T0 + 71 * MS, T0 + 73 * MS);
	sw_wake(s, 1, T0 + 10 * MS, 10, 0, 0);
	sw_kick(s, 0, T0 + 11 * MS);
	sw_run(s, 0, T0 + 73 * MS + 100 * US, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_HOST_VCPU), 2 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_WAKE_UP), 2 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 59 * MS + 100 * US);
}

TEST_F(sched, waking_up,
       .title = "A7 an idle CPU that was told to take it comes out of idle: not the scheduler's")
{
	struct sched_world *s = &self->s;

	sw_wake(s, 1, T0 + 10 * MS, 10, 0, 0);
	sw_kick(s, 0, T0 + 10 * MS + 10 * US);
	sw_run(s, 0, T0 + 10 * MS + 510 * US, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_WAKE_UP), 500 * US);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 10 * US);
}

TEST_F(sched, told_busy,
       .title =
	       "A6 a busy CPU that was told to go on, and whose vCPU is stolen: the host's, whoever idles")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_kick(s, 0, T0 + 11 * MS);
	sw_steal(s, 0, T0 + 11 * MS, T0 + 16 * MS);
	sw_run(s, 0, T0 + 16 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_HOST_VCPU), 5 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 1 * MS);
}

TEST_F(sched, others_first,
       .title =
	       "A6 A7 an idle CPU that was told, and runs something else first, was told nevertheless")
{
	struct sched_world *s = &self->s;

	sw_other(s, 15, "ksoftirqd/0", SS_TASK_KERNEL, 0);
	sw_wake(s, 1, T0 + 10 * MS, 10, 0, 0);
	sw_kick(s, 0, T0 + 10 * MS);
	sw_steal(s, 0, T0 + 10 * MS, T0 + 15 * MS);
	sw_wake(s, 0, T0 + 15 * MS, 15, 0, 0);
	sw_run(s, 0, T0 + 16 * MS, 15, SW_SLEEPS);
	sw_run(s, 0, T0 + 16 * MS + 300 * US, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_HOST_VCPU), 5 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_WAKE_UP), 1 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 300 * US);
}

TEST_F(sched, busy_steal,
       .title = "A6 every CPU busy, and the one that it ran on next stolen: the host's")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	hog_on(s, 1);
	sw_steal(s, 0, T0 + 12 * MS, T0 + 14 * MS);
	sw_steal(s, 1, T0 + 10 * MS, T0 + 15 * MS);
	sw_wake(s, 1, T0 + 11 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 15 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_HOST_VCPU), 2 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 2 * MS);
}

TEST_F(sched, pinned,
       .title = "A7 A10 a CPU that it may not use doesn't count: pinned beside a hog is saturation")
{
	struct sched_world *s = &self->s;

	only_cpu0(&s->w.rec[s->w.nr - 1].g_task);
	hog_on(s, 0);
	for (int64_t t = 10; t < 100; t += 10) {
		sw_wake(s, 0, T0 + t * MS, 10, 0, 0);
		sw_run(s, 0, T0 + (t + 3) * MS, 10, SW_PREEMPTED);
		sw_run(s, 0, T0 + (t + 4) * MS, HOG, SW_SLEEPS);
	}
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 27 * MS);
	EXPECT_EQ(sw_ready(s, 10, WAIT_SCHED_IDLE), 0);
	EXPECT_LE(sw_ready(s, 10, WAIT_SCHED_UNFAIR), 100);
}

TEST_F(sched, preempted, .title = "A4 A7 a task that was preempted waits like one that was woken")
{
	struct sched_world *s = &self->s;

	sw_wake(s, 0, T0 + 1 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 1 * MS, 10, SW_SLEEPS);
	sw_other(s, HOG, "hog", SS_TASK_OTHER, 0);
	sw_run(s, 0, T0 + 2 * MS, HOG, SW_PREEMPTED);
	sw_run(s, 1, T0 + 42 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 40 * MS);
	EXPECT_EQ(sw_row(s, 10)->longest, sw_row(s, 10)->time[TASK_READY]);
}

TEST_F(sched, rt,
       .title =
	       "A8 each real-time task gets the time that it held the CPU, the agent's is the tool's")
{
	struct sched_world *s = &self->s;

	only_cpu0(&s->w.rec[s->w.nr - 1].g_task);
	sw_other(s, HOG, "fifo", SS_TASK_WORKLOAD, 1);
	sw_other(s, HOG + 1, "normal", SS_TASK_OTHER, 0);
	sw_wake(s, 1, T0 + 9 * MS, HOG, 0, 0);
	sw_run(s, 0, T0 + 9 * MS, HOG, SW_SLEEPS);
	sw_wake(s, 1, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 30 * MS, SW_AGENT, SW_SLEEPS);
	sw_run(s, 0, T0 + 35 * MS, HOG + 1, SW_SLEEPS);
	sw_run(s, 0, T0 + 37 * MS, 10, SW_SLEEPS);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_RT), 20 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_TOOL), 5 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 2 * MS);
	EXPECT_EQ(sw_row(s, 10)->longest_by, HOG);
	EXPECT_STREQ(sw_row(s, 10)->longest_comm, "fifo");
}

TEST_F(sched, long_slice, .title = "A9 a slice of 200 ms is 3 ms of saturation, and unfair beyond")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	hog_on(s, 1);
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 210 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 3 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_UNFAIR), 197 * MS);
}

TEST_F(sched, again,
       .title = "A9 a second turn while it waits is unfair, as with LIFO and hog-first")
{
	struct sched_world *s = &self->s;
	unsigned int hog = 0;

	hog_on(s, 1);
	sw_other(s, HOG, "hog", SS_TASK_OTHER, 0);
	sw_other(s, HOG + 2, "hog", SS_TASK_OTHER, 0);
	sw_run(s, 0, T0 + 10 * MS, HOG, SW_SLEEPS);
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	for (int64_t t = 13; t < 100; t += 3)
		sw_run(s, 0, T0 + t * MS, HOG + 2 * (++hog & 1), SW_PREEMPTED);
	sw_run(s, 0, T0 + 100 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 6 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_UNFAIR), 84 * MS);
}

TEST_F(sched, weights, .title = "A9 a turn is as long as the weights make it")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	s->w.rec[s->w.nr - 2].g_task.weight = 4096;
	hog_on(s, 1);
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 30 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 12 * MS);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_UNFAIR), 8 * MS);
}

TEST_F(sched, fair, .title = "A10 round robin of 3 ms among 2, 8 and 32 hogs a CPU is not unfair")
{
	for (unsigned int hogs = 2; hogs <= 32; hogs *= 4) {
		struct sched_world *s = &self->s;
		const struct tasks *t;
		uint64_t unfair, all;

		sw_free(s);
		sw_init(s, 2, END);
		for (unsigned int h = 0; h < 2 * hogs; h++)
			sw_task(s, HOG + h, "hog");
		for (unsigned int h = 0; h < 2 * hogs; h++)
			sw_wake(s, h % 2, T0 + MS, HOG + h, 0, SS_WAKE_TIMER);
		for (unsigned int n = 0; n < 330; n++)
			for (unsigned int c = 0; c < 2; c++)
				sw_run(s, c, T0 + (3 * n + 2) * MS, HOG + c + 2 * (n % hogs),
				       SW_PREEMPTED);
		t = sw_solve(s);
		unfair = t->cause[WAIT_SCHED_UNFAIR];
		all = t->sum.time[TASK_READY];
		EXPECT_LE(unfair * 100, all * 3)
		{
			TH_LOG("%u hogs", hogs);
		}
		EXPECT_LE(all * 95, t->cause[WAIT_SATURATION] * 100);
	}
}

TEST_F(sched, forgotten, .title = "A11 a task that never runs again counts until the window's end")
{
	struct sched_world *s = &self->s;

	hog_on(s, 0);
	sw_wake(s, 0, T0 + 400 * MS, 10, 0, 0);
	sw_solve(s);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SCHED_IDLE), 600 * MS);
	EXPECT_TRUE(s->w.a.tasks_time.wait[1].open || s->w.a.tasks_time.wait[0].open);
}

TEST_F(sched, hotplug, .title = "A7 a CPU that is offline doesn't idle")
{
	struct sched_world *s = &self->s;
	struct ss_sched_event *e;

	hog_on(s, 0);
	sw_kick(s, 0, T0 + 5 * MS);
	e = s->w.rec[s->w.nr - 1].g_sched.event;
	*e = (struct ss_sched_event){ .type = SS_SCHED_CPU, .aux = 1 };
	sw_wake(s, 0, T0 + 10 * MS, 10, 0, 0);
	sw_run(s, 0, T0 + 12 * MS, 10, SW_PREEMPTED);
	sw_solve(s);
	EXPECT_EQ(sw_ready(s, 10, WAIT_SCHED_IDLE), 0);
	EXPECT_NEAR(sw_ready(s, 10, WAIT_SATURATION), 2 * MS);
}

TEST_HARNESS_MAIN
