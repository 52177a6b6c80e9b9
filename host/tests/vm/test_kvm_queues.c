// SPDX-License-Identifier: GPL-2.0-only
/* Several queues and CPUs, and storms of kicks, from a bare-metal guest. */
#include "bare_guest.h"

#include <unistd.h>

FIXTURE(queues)
{
	struct bare_guest n;
};

FIXTURE_SETUP(queues)
{
	self->n = (struct bare_guest){ 0 };
}

FIXTURE_TEARDOWN(queues)
{
	bare_guest_free(&self->n);
}

static void two_cpus(struct bare_guest *n, enum backing_kind backing, bool event_idx)
{
	bare_guest_disk(n, &(struct bare_guest_opts){ .cpus = 2,
						      .queues = 2,
						      .backing = backing,
						      .event_idx = event_idx,
						      .depth = 16,
						      .rounds = 3 });
	bare_guest_run(n, "two_cpus");
	bare_guest_check_file(n, 0, 256, 3);
}

TEST_F(queues, two_cpus, .timeout_s = BARE_TIMEOUT_S,
       .title = "two CPUs on two queues at once, a worker each: every byte is right")
{
	two_cpus(&self->n, BACKING_SYNC, true);
}

TEST_F(queues, two_cpus_no_event, .timeout_s = BARE_TIMEOUT_S,
       .title = "the same without EVENT_IDX")
{
	two_cpus(&self->n, BACKING_SYNC, false);
}

TEST_F(queues, two_cpus_uring, .timeout_s = BARE_TIMEOUT_S, .title = "the same with io_uring")
{
	two_cpus(&self->n, BACKING_URING, true);
}

TEST_F(queues, four, .timeout_s = BARE_TIMEOUT_S,
       .title = "four queues under one CPU, all busy at once")
{
	bare_guest_disk(&self->n,
			&(struct bare_guest_opts){
				.queues = 4, .event_idx = true, .depth = 32, .rounds = 10 });
	bare_guest_run(&self->n, "many_queues");
	bare_guest_check_file(&self->n, 0, 128, 10);
}

TEST_F(queues, storm, .timeout_s = BARE_TIMEOUT_S,
       .title = "5,000 kicks without work: no interrupt, no counter, no byte of the ring")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .rounds = 5000 });
	bare_guest_run(&self->n, "storm");
}

/* One CPU is never in the middle of both. */
static void need_two_cpus(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("there is one CPU: guest and worker don't run at once");
}

TEST_F(queues, races, .timeout_s = BARE_TIMEOUT_S,
       .title = "D22 20,000 requests that come just when the worker wants to sleep")
{
	need_two_cpus();
	bare_guest_disk(&self->n,
			&(struct bare_guest_opts){
				.event_idx = true, .poll = true, .depth = 2, .rounds = 20000 });
	bare_guest_run(&self->n, "races");
}

TEST_F(queues, races_no_event, .timeout_s = BARE_TIMEOUT_S, .title = "the same without EVENT_IDX")
{
	need_two_cpus();
	bare_guest_disk(&self->n,
			&(struct bare_guest_opts){ .poll = true, .depth = 2, .rounds = 20000 });
	bare_guest_run(&self->n, "races");
}

TEST_F(queues, wrong_bell, .timeout_s = BARE_TIMEOUT_S,
       .title = "D6 D11 a QUEUE_NOTIFY of another width or queue rings nothing")
{
	bare_guest_disk(&self->n, &(struct bare_guest_opts){ .queues = 2 });
	bare_guest_run(&self->n, "wrong_bell");
}

TEST_F(queues, storm_two, .timeout_s = BARE_TIMEOUT_S,
       .title = "two CPUs kick the same queue thousands of times, and one works")
{
	bare_guest_disk(
		&self->n,
		&(struct bare_guest_opts){
			.cpus = 2, .queues = 2, .event_idx = true, .depth = 8, .rounds = 3000 });
	bare_guest_run(&self->n, "storm_two");
	bare_guest_check_file(&self->n, 0, 256, 1);
}

TEST_HARNESS_MAIN
