// SPDX-License-Identifier: GPL-2.0-only
/* The tasks' part of the report, as a person reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/tasks_text.h"
#include "sched_world.h"
#include "ss_harness.h"

FIXTURE(text)
{
	struct sched_world s;
	char *text;
};

FIXTURE_SETUP(text)
{
	struct sched_world *s = &self->s;

	self->text = NULL;
	sw_init(s, 2, T0 + 200 * MS);
	sw_task(s, 10, "fio");
	sw_other(s, 110, "jbd2/vda-8", SS_TASK_KERNEL, 0);
	sw_wake(s, 0, T0 + 5 * MS, 10, 0, SS_WAKE_TIMER);
	sw_run(s, 0, T0 + 5 * MS, 10, SW_SLEEPS);
}

FIXTURE_TEARDOWN(text)
{
	free(self->text);
	sw_free(&self->s);
}

static char *print(const struct tasks *t)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ASSERT_NOT_NULL(f);
	tasks_text_print(f, "", "", t);
	fclose(f);
	return text;
}

TEST_F(text, chain,
       .title = "A14 A27 a wait's chain is told link by link, below where the tasks' time went")
{
	struct sched_world *s = &self->s;

	sw_wake(s, 0, T0 + 9 * MS, 110, 10, 0);
	sw_run(s, 0, T0 + 10 * MS, 0, SW_SLEEPS);
	sw_run(s, 1, T0 + 11 * MS, 110, SW_SLEEPS);
	sw_io(s, 110, 9, T0 + 12 * MS, 57 * MS, T0 + 70 * MS);
	sw_run(s, 1, T0 + 12 * MS, 0, SW_SLEEPS);
	sw_wake_io(s, 1, T0 + 70 * MS, 110, 9);
	sw_run(s, 1, T0 + 72 * MS, 110, SW_SLEEPS);
	sw_wake(s, 1, T0 + 73 * MS, 10, 110, 0);
	sw_run(s, 1, T0 + 73 * MS, 10, SW_SLEEPS);
	self->text = print(sw_solve(s));
	EXPECT_STRSTR(self->text, "WHERE THE TASKS' TIME WENT");
	EXPECT_STRSTR(
		self->text,
		"  fio/10                           200 ms    132 ms     0 ns    63 ms   5.0 ms");
	EXPECT_STRSTR(self->text, "blocked: throttle stall 57 ms, scheduler, CPUs idle 3.0 ms");
	EXPECT_STRSTR(self->text, "fio/10 waited 63 ms, 10 ms into it: blocked on jbd2/vda-8/110 "
				  "<- disk0, throttle stall 57 ms");
	EXPECT_STRSTR(self->text, "in the 200 ms that count\n");
}

TEST_F(text, ready, .title = "A27 the longest wait for a CPU, and who ran meanwhile")
{
	struct sched_world *s = &self->s;

	sw_other(s, 20, "hog", SS_TASK_OTHER, 1);
	sw_run(s, 1, T0 + 1 * MS, 20, SW_SLEEPS);
	sw_run(s, 0, T0 + 10 * MS, 21, SW_PREEMPTED);
	sw_run(s, 1, T0 + 50 * MS, 10, SW_PREEMPTED);
	self->text = print(sw_solve(s));
	EXPECT_STRSTR(self->text, "ready:   real-time task 40 ms");
	EXPECT_STRSTR(self->text, "longest wait for a CPU 40 ms, 10 ms into it, while hog/20 ran");
	EXPECT_STRSTR(self->text,
		      "fio/10 waited 40 ms, 10 ms into it: ready: real-time task 40 ms");
}

TEST_F(text, none, .title = "nothing is told of tasks without a stream")
{
	struct tasks t = { .present = false };

	self->text = print(&t);
	EXPECT_STREQ(self->text, "");
}

TEST_HARNESS_MAIN
