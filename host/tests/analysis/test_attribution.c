// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution: how an IO's time is split, on timelines whose answers are known.
 */
#include <linux/virtio_blk.h>
#include <stdlib.h>

#include "attr_fixture.h"

TEST_F(attr, one_io, .title = "one IO splits into the parts it was made of")
{
	struct world *w = &self->w;

	world_io(w, &world_plain);
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 1);
	EXPECT_EQ(w->a.io.matched, 1);
	EXPECT_EQ(w->a.io.beyond_error, 0);
	EXPECT_NEAR(world_part(w, ATTR_GUEST_QUEUE), 10 * US);
	EXPECT_NEAR(world_part(w, ATTR_WORKER), 100 * US);
	EXPECT_NEAR(world_part(w, ATTR_BACKING), 200 * US);
	EXPECT_NEAR(world_part(w, ATTR_COMPLETION), 50 * US);
	EXPECT_NEAR(world_part(w, ATTR_SCHEDULER), 50 * US);
	EXPECT_EQ(world_part(w, ATTR_THROTTLE) + world_part(w, ATTR_RT) +
			  world_part(w, ATTR_SATURATION) + world_part(w, ATTR_HOST) +
			  world_part(w, ATTR_UNKNOWN),
		  0);
	EXPECT_NEAR(w->a.io.e2e.sum, 410 * US);
	EXPECT_EQ(w->a.disk[0].io.count, 1);
	EXPECT_EQ(w->a.disk[0].requests, 1);
	EXPECT_TRUE(w->a.verdict.complete);
	EXPECT_EQ(w->a.notes, 0);
	world_expect_sums(w);
}

TEST_F(attr, running, .title = "a submitter on a CPU waits for none")
{
	struct world_io io = world_plain;

	io.running = true;
	world_io(&self->w, &io);
	world_solve(&self->w);
	EXPECT_EQ(world_part(&self->w, ATTR_SCHEDULER), 0);
	EXPECT_NEAR(world_part(&self->w, ATTR_COMPLETION), 40 * US);
	EXPECT_NEAR(self->w.a.io.e2e.sum, 350 * US);
}

TEST_F(attr, throttle, .title = "D46 a stall is paid by its head and by all behind it")
{
	struct world *w = &self->w;
	struct world_io a = world_later(0), b = world_later(5 * US);

	a.begun = a.issue + 20 * MS;
	a.backed = a.begun + 100 * US;
	a.published = a.done = a.wake = a.run = a.backed;
	a.kick = 0;
	b.begun = a.backed;
	b.backed = b.begun + 100 * US;
	b.published = b.done = b.wake = b.run = b.backed;
	b.kick = 0;
	/* stalled in two goes, from 2 us after a's issue until it begins */
	world_stall(w, 0, 0, a.issue + 2 * US, a.issue + 8 * MS, 8 * MS - 2 * US);
	world_stall(w, 0, 0, a.issue + 8 * MS, a.begun, 12 * MS);
	world_io(w, &a);
	world_io(w, &b);
	world_solve(w);
	/* a: 2 us worker; b: behind the stall from its issue, then a's backing */
	EXPECT_NEAR(world_part(w, ATTR_WORKER), 2 * US);
	EXPECT_NEAR(world_part(w, ATTR_THROTTLE), (20 * MS - 2 * US) + (20 * MS - 5 * US));
	EXPECT_NEAR(world_part(w, ATTR_BACKING), 300 * US);
	EXPECT_EQ(w->a.io.parts[ATTR_THROTTLE].count, 2);
	EXPECT_EQ(w->a.disk[0].traced.stalls, 2);
	EXPECT_EQ(w->a.disk[0].traced.stall_ns, 20 * MS - 2 * US);
	EXPECT_EQ(w->a.disk[0].traced.stall_max_ns, 20 * MS - 2 * US);
	EXPECT_TRUE(w->a.disk[0].traced.counters_agree);
	EXPECT_EQ(w->a.verdict.cause, ATTR_CAUSE_THROTTLE);
	world_expect_sums(w);
}

TEST_F(attr, other_queue, .title = "a stall of another queue or disk costs nothing here")
{
	struct world *w = &self->w;

	world_stall(w, 0, 1, T0, T0 + SEC, SEC);
	world_stall(w, 1, 0, T0, T0 + SEC, SEC);
	world_io(w, &world_plain);
	world_solve(w);
	EXPECT_EQ(world_part(w, ATTR_THROTTLE), 0);
	EXPECT_NEAR(world_part(w, ATTR_WORKER), 100 * US);
}

TEST_F(attr, open_stall, .title = "a stall whose end wasn't recorded lasts as predicted")
{
	struct world *w = &self->w;

	world_stall(w, 0, 0, T0 + 20 * US, T0 + 9 * MS, 60 * US);
	w->nr--;
	/* an earlier one that ended, told later */
	world_stall(w, 0, 0, T0 - 20 * US, T0 - 10 * US, 10 * US);
	world_io(w, &world_plain);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_THROTTLE), 60 * US);
	EXPECT_NEAR(world_part(w, ATTR_WORKER), 40 * US);
}

TEST_F(attr, precedence, .title = "what overlaps is counted once: throttle, backing, host, worker")
{
	struct world *w = &self->w;
	struct world_io other = world_later(SEC);

	/* waiting: [10, 110) us. Stall [20, 50), another's backing [40, 70), runq [60, 90) */
	world_stall(w, 0, 0, T0 + 20 * US, T0 + 50 * US, 30 * US);
	other.begun = T0 + 40 * US;
	other.backed = T0 + 70 * US;
	other.published = T0 + 71 * US;
	world_host_io(w, &other);
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 60 * US, T0 + 90 * US);
	/* the issuing vCPU, until the kick at 30 us: only [10, 15) is nobody else's */
	world_runq(w, SS_THREAD_VCPU, 0, T0 + 5 * US, T0 + 15 * US);
	world_io(w, &world_plain);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_THROTTLE), 30 * US);
	EXPECT_NEAR(world_part(w, ATTR_BACKING), (200 + 20) * US);
	EXPECT_NEAR(world_part(w, ATTR_HOST), (20 + 5) * US);
	EXPECT_NEAR(world_part(w, ATTR_WORKER), (5 + 20) * US);
	EXPECT_NEAR(w->a.io.e2e.sum, 410 * US);
	world_expect_sums(w);
}

TEST_F(attr, late_stall, .title = "a stall that outlasts its end as the worker lacks a CPU is host")
{
	struct world *w = &self->w;

	/* stalled [20, 110), due at 50; the worker was ready but off its CPU in [60, 110) */
	world_stall(w, 0, 0, T0 + 20 * US, T0 + 110 * US, 30 * US);
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 60 * US, T0 + 110 * US);
	/* ready before the stall was due changes nothing: nothing could have been done */
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 25 * US, T0 + 35 * US);
	world_io(w, &world_plain);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_THROTTLE), 40 * US);
	EXPECT_NEAR(world_part(w, ATTR_HOST), 50 * US);
	EXPECT_NEAR(world_part(w, ATTR_WORKER), 10 * US);
}

TEST_F(attr, host_completion, .title = "steal on the way back: the worker's, then the vCPU's")
{
	struct world *w = &self->w;
	struct world_io io = world_plain;

	io.cpu = 1;
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 312 * US, T0 + 330 * US);
	world_runq(w, SS_THREAD_VCPU, 1, T0 + 315 * US, T0 + 340 * US);
	world_runq(w, SS_THREAD_VCPU, 0, T0 + 315 * US, T0 + 347 * US);
	world_io(w, &io);
	world_solve(w);
	/* worker [312, 320) until it published, then vCPU 1 [320, 340) */
	EXPECT_NEAR(world_part(w, ATTR_HOST), 28 * US);
	EXPECT_NEAR(world_part(w, ATTR_COMPLETION), 22 * US);
}

TEST_F(attr, host_sched, .title = "steal of the vCPU a task waited for is the host's")
{
	struct world *w = &self->w;
	struct world_io io = world_plain;

	io.run_cpu = 2;
	world_runq(w, SS_THREAD_VCPU, 2, T0 + 350 * US, T0 + 400 * US);
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_HOST), 40 * US);
	EXPECT_NEAR(world_part(w, ATTR_SCHEDULER), 10 * US);
}

TEST_F(attr, saturation, .title = "a wait while no CPU idled isn't the scheduler's")
{
	struct world *w = &self->w;
	struct world_io io = world_plain;

	io.idle = 0;
	world_io(w, &io);
	io = world_later(SEC);
	io.idle = 20 * US;
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_SATURATION), (50 + 30) * US);
	EXPECT_NEAR(world_part(w, ATTR_SCHEDULER), 20 * US);
}

TEST_F(attr, rt, .title = "a wait for a CPU that a real-time task held")
{
	struct world *w = &self->w;
	static const uint16_t policy[] = { 1, 2, 6, 0, 7 };

	for (unsigned int i = 0; i < 5; i++) {
		struct world_io io = world_later(i * SEC);

		io.prev_policy = policy[i];
		world_io(w, &io);
	}
	world_solve(w);
	/* FIFO, RR and DEADLINE; the others are the scheduler's, CPUs idled */
	EXPECT_NEAR(world_part(w, ATTR_RT), 150 * US);
	EXPECT_NEAR(world_part(w, ATTR_SCHEDULER), 100 * US);
}

TEST_F(attr, woken_by_other, .title = "a submitter that slept on isn't waited for")
{
	struct world *w = &self->w;
	struct world_io io = world_plain;

	/* woken 6 ms after the completion: by something else */
	io.wake = io.done + 6 * MS;
	io.run = io.wake + MS;
	world_io(w, &io);
	/* two IOs of one task: the later completion woke it */
	io = world_later(SEC);
	io.run = 0;
	world_io(w, &io);
	io = world_later(SEC + 20 * US);
	io.wake = io.done + 5 * US;
	io.run = io.wake + 30 * US;
	world_io(w, &io);
	/* ready already when the IO completed: it waited from then on */
	io = world_later(2 * SEC);
	io.wake = io.done - 20 * US;
	io.run = io.done + 70 * US;
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(world_part(w, ATTR_SCHEDULER), (30 + 70) * US);
	EXPECT_NEAR(world_part(w, ATTR_COMPLETION), (4 * 40 + 5) * US);
	world_expect_sums(w);
}

TEST_F(attr, percentiles, .title = "p50 and p99 are within 1 %, sum and max exact")
{
	struct world *w = &self->w;
	uint64_t sum = 0;

	for (int i = 1; i <= 1000; i++) {
		struct world_io io = world_later(i * 20 * MS);

		io.begun = io.issue;
		io.backed = io.published = io.done = io.issue + i * 10 * US;
		io.run = 0;
		sum += (uint64_t)i * 10 * US;
		world_io(w, &io);
	}
	world_shuffle(w, 99);
	world_solve(w);
	EXPECT_LE(llabs((long long)(world_part(w, ATTR_BACKING) - sum)), 3000);
	EXPECT_GE(w->a.io.parts[ATTR_BACKING].p50, 4999 * US);
	EXPECT_LE(w->a.io.parts[ATTR_BACKING].p50, 5050 * US);
	EXPECT_GE(w->a.io.parts[ATTR_BACKING].p99, 9899 * US);
	EXPECT_LE(w->a.io.parts[ATTR_BACKING].p99, 9999 * US);
	EXPECT_NEAR(w->a.io.parts[ATTR_BACKING].max, 10000 * US);
	/* a part that is 0 in most IOs has a p50 of 0 */
	EXPECT_EQ(w->a.io.parts[ATTR_THROTTLE].p50, 0);
}

TEST_F(attr, median, .title = "the median of three is the second")
{
	struct world *w = &self->w;

	for (int i = 1; i <= 3; i++) {
		struct world_io io = world_later(i * MS);

		io.backed = io.published = io.done = io.begun + i * 100 * US;
		io.run = 0;
		world_io(w, &io);
	}
	world_solve(w);
	EXPECT_GE(w->a.io.parts[ATTR_BACKING].p50, 199 * US);
	EXPECT_LE(w->a.io.parts[ATTR_BACKING].p50, 202 * US);
	EXPECT_NEAR(w->a.io.parts[ATTR_BACKING].p99, 300 * US);
}

TEST_HARNESS_MAIN
