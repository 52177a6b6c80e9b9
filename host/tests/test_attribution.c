// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution: matching and splitting, on timelines whose answers are known.
 */
#include <linux/virtio_blk.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "attr_world.h"
#include "ss_harness.h"

FIXTURE(attr)
{
	struct world w;
};
FIXTURE_SETUP(attr)
{
	world_init(&self->w);
}
FIXTURE_TEARDOWN(attr)
{
	world_free(&self->w);
}

/* 10 us in the guest, 100 worker, 200 backing, 40 back, 10 wake-up, 50 until it runs. */
static const struct world_io plain = {
	.tid = 42,
	.type = VIRTIO_BLK_T_IN,
	.sector = 8,
	.bytes = 4096,
	.start = T0,
	.issue = T0 + 10 * US,
	.kick = T0 + 30 * US,
	.begun = T0 + 110 * US,
	.backed = T0 + 310 * US,
	.published = T0 + 320 * US,
	.done = T0 + 350 * US,
	.wake = T0 + 360 * US,
	.run = T0 + 410 * US,
	.idle = SEC,
};

/* The same IO @by later, elsewhere on the disk. */
static struct world_io later(int64_t by)
{
	struct world_io io = plain;

	io.sector += (uint64_t)(by / US) * 8;
	io.start += by;
	io.issue += by;
	io.kick += by;
	io.begun += by;
	io.backed += by;
	io.published += by;
	io.done += by;
	io.wake += by;
	io.run += by;
	return io;
}

static uint64_t part(const struct world *w, enum attr_part p)
{
	return w->a.io.parts[p].sum;
}

/* Clock rounding may cost each stamp a ns. */
#define EXPECT_NEAR(a, b) EXPECT_LE(llabs((long long)(a) - (long long)(b)), 3)

TEST_F(attr, one_io, .title = "one IO splits into the parts it was made of")
{
	struct world *w = &self->w;

	world_io(w, &plain);
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 1);
	EXPECT_EQ(w->a.io.matched, 1);
	EXPECT_EQ(w->a.io.beyond_error, 0);
	EXPECT_NEAR(part(w, ATTR_GUEST_QUEUE), 10 * US);
	EXPECT_NEAR(part(w, ATTR_WORKER), 100 * US);
	EXPECT_NEAR(part(w, ATTR_BACKING), 200 * US);
	EXPECT_NEAR(part(w, ATTR_COMPLETION), 50 * US);
	EXPECT_NEAR(part(w, ATTR_SCHEDULER), 50 * US);
	EXPECT_EQ(part(w, ATTR_THROTTLE) + part(w, ATTR_RT) + part(w, ATTR_SATURATION) +
			  part(w, ATTR_HOST) + part(w, ATTR_UNKNOWN),
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
	struct world_io io = plain;

	io.running = true;
	world_io(&self->w, &io);
	world_solve(&self->w);
	EXPECT_EQ(part(&self->w, ATTR_SCHEDULER), 0);
	EXPECT_NEAR(part(&self->w, ATTR_COMPLETION), 40 * US);
	EXPECT_NEAR(self->w.a.io.e2e.sum, 350 * US);
}

TEST_F(attr, throttle, .title = "D46 a stall is paid by its head and by all behind it")
{
	struct world *w = &self->w;
	struct world_io a = later(0), b = later(5 * US);

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
	EXPECT_NEAR(part(w, ATTR_WORKER), 2 * US);
	EXPECT_NEAR(part(w, ATTR_THROTTLE), (20 * MS - 2 * US) + (20 * MS - 5 * US));
	EXPECT_NEAR(part(w, ATTR_BACKING), 300 * US);
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
	world_io(w, &plain);
	world_solve(w);
	EXPECT_EQ(part(w, ATTR_THROTTLE), 0);
	EXPECT_NEAR(part(w, ATTR_WORKER), 100 * US);
}

TEST_F(attr, open_stall, .title = "a stall whose end wasn't recorded lasts as predicted")
{
	struct world *w = &self->w;

	world_stall(w, 0, 0, T0 + 20 * US, T0 + 9 * MS, 60 * US);
	w->nr--;
	/* an earlier one that ended, told later */
	world_stall(w, 0, 0, T0 - 20 * US, T0 - 10 * US, 10 * US);
	world_io(w, &plain);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_THROTTLE), 60 * US);
	EXPECT_NEAR(part(w, ATTR_WORKER), 40 * US);
}

TEST_F(attr, precedence, .title = "what overlaps is counted once: throttle, backing, host, worker")
{
	struct world *w = &self->w;
	struct world_io other = later(SEC);

	/* waiting: [10, 110) us. Stall [20, 50), another's backing [40, 70), runq [60, 90) */
	world_stall(w, 0, 0, T0 + 20 * US, T0 + 50 * US, 30 * US);
	other.begun = T0 + 40 * US;
	other.backed = T0 + 70 * US;
	other.published = T0 + 71 * US;
	world_host_io(w, &other);
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 60 * US, T0 + 90 * US);
	/* the issuing vCPU, until the kick at 30 us: only [10, 15) is nobody else's */
	world_runq(w, SS_THREAD_VCPU, 0, T0 + 5 * US, T0 + 15 * US);
	world_io(w, &plain);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_THROTTLE), 30 * US);
	EXPECT_NEAR(part(w, ATTR_BACKING), (200 + 20) * US);
	EXPECT_NEAR(part(w, ATTR_HOST), (20 + 5) * US);
	EXPECT_NEAR(part(w, ATTR_WORKER), (5 + 20) * US);
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
	world_io(w, &plain);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_THROTTLE), 40 * US);
	EXPECT_NEAR(part(w, ATTR_HOST), 50 * US);
	EXPECT_NEAR(part(w, ATTR_WORKER), 10 * US);
}

TEST_F(attr, host_completion, .title = "steal on the way back: the worker's, then the vCPU's")
{
	struct world *w = &self->w;
	struct world_io io = plain;

	io.cpu = 1;
	world_runq(w, SS_THREAD_WORKER, 0, T0 + 312 * US, T0 + 330 * US);
	world_runq(w, SS_THREAD_VCPU, 1, T0 + 315 * US, T0 + 340 * US);
	world_runq(w, SS_THREAD_VCPU, 0, T0 + 315 * US, T0 + 347 * US);
	world_io(w, &io);
	world_solve(w);
	/* worker [312, 320) until it published, then vCPU 1 [320, 340) */
	EXPECT_NEAR(part(w, ATTR_HOST), 28 * US);
	EXPECT_NEAR(part(w, ATTR_COMPLETION), 22 * US);
}

TEST_F(attr, host_sched, .title = "steal of the vCPU a task waited for is the host's")
{
	struct world *w = &self->w;
	struct world_io io = plain;

	io.run_cpu = 2;
	world_runq(w, SS_THREAD_VCPU, 2, T0 + 350 * US, T0 + 400 * US);
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_HOST), 40 * US);
	EXPECT_NEAR(part(w, ATTR_SCHEDULER), 10 * US);
}

TEST_F(attr, saturation, .title = "a wait while no CPU idled isn't the scheduler's")
{
	struct world *w = &self->w;
	struct world_io io = plain;

	io.idle = 0;
	world_io(w, &io);
	io = later(SEC);
	io.idle = 20 * US;
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_SATURATION), (50 + 30) * US);
	EXPECT_NEAR(part(w, ATTR_SCHEDULER), 20 * US);
}

TEST_F(attr, rt, .title = "a wait for a CPU that a real-time task held")
{
	struct world *w = &self->w;
	static const uint16_t policy[] = { 1, 2, 6, 0, 7 };

	for (unsigned int i = 0; i < 5; i++) {
		struct world_io io = later(i * SEC);

		io.prev_policy = policy[i];
		world_io(w, &io);
	}
	world_solve(w);
	/* FIFO, RR and DEADLINE; the others are the scheduler's, CPUs idled */
	EXPECT_NEAR(part(w, ATTR_RT), 150 * US);
	EXPECT_NEAR(part(w, ATTR_SCHEDULER), 100 * US);
}

TEST_F(attr, woken_by_other, .title = "a submitter that slept on isn't waited for")
{
	struct world *w = &self->w;
	struct world_io io = plain;

	/* woken 6 ms after the completion: by something else */
	io.wake = io.done + 6 * MS;
	io.run = io.wake + MS;
	world_io(w, &io);
	/* two IOs of one task: the later completion woke it */
	io = later(SEC);
	io.run = 0;
	world_io(w, &io);
	io = later(SEC + 20 * US);
	io.wake = io.done + 5 * US;
	io.run = io.wake + 30 * US;
	world_io(w, &io);
	/* ready already when the IO completed: it waited from then on */
	io = later(2 * SEC);
	io.wake = io.done - 20 * US;
	io.run = io.done + 70 * US;
	world_io(w, &io);
	world_solve(w);
	EXPECT_NEAR(part(w, ATTR_SCHEDULER), (30 + 70) * US);
	EXPECT_NEAR(part(w, ATTR_COMPLETION), (4 * 40 + 5) * US);
	world_expect_sums(w);
}

TEST_F(attr, same_key, .title = "identical requests are matched in their order")
{
	struct world *w = &self->w;

	for (int i = 0; i < 50; i++) {
		struct world_io io = later(i * MS);

		io.sector = 8;
		/* the i-th takes i us longer in the backing */
		io.backed += i * US;
		io.published += i * US;
		io.done += i * US;
		io.wake = io.done;
		io.run = io.done;
		world_io(w, &io);
	}
	world_shuffle(w, 7);
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 50);
	EXPECT_EQ(w->a.io.beyond_error, 0);
	EXPECT_NEAR(w->a.io.parts[ATTR_BACKING].max, 249 * US);
	EXPECT_LE(llabs((long long)part(w, ATTR_BACKING) - (50 * 200 + 49 * 50 / 2) * US), 100);
}

/* On several queues the order of completion isn't that of the device. */
TEST_F(attr, same_key_queues, .title = "identical requests on several queues keep to their queue")
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_FLUSH,
					  VIRTIO_BLK_T_DISCARD };
	struct world *w = &self->w;

	for (unsigned int i = 0; i < 3; i++) {
		struct world_io a = later(i * SEC), b = a;

		/* b begins last and is the last to be published, yet the first to be done. */
		a.type = b.type = types[i];
		b.queue = 1;
		b.tid = 43;
		b.start = b.issue = a.issue + 300 * US;
		b.begun = b.issue + 10 * US;
		b.backed = b.begun + 20 * US;
		b.published = b.backed + 1 * US;
		b.done = b.published + 1 * US;
		a.backed = b.begun;
		a.published = a.backed + 5 * US;
		a.done = b.done + 30 * US;
		a.run = b.run = 0;
		world_io(w, &a);
		world_io(w, &b);
		/* a stall that only b's queue knows */
		world_stall(w, 0, 1, b.issue, b.begun, 10 * US);
	}
	world_shuffle(w, 3);
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 6);
	EXPECT_EQ(w->a.io.host_unmatched, 0);
	EXPECT_EQ(w->a.io.beyond_error, 0);
	EXPECT_EQ(w->a.io.parts[ATTR_THROTTLE].count, 3);
	EXPECT_NEAR(part(w, ATTR_THROTTLE), 30 * US);
	EXPECT_NEAR(part(w, ATTR_BACKING), 3 * (210 + 20) * US);
	world_expect_sums(w);
}

TEST_F(attr, old_layout, .title = "records without a queue match as if there were one")
{
	struct world *w = &self->w;

	for (int i = 0; i < 10; i++) {
		struct world_io io = later(i * MS);

		io.queue = (uint32_t)i % 2;
		io.run = 0;
		world_io(w, &io);
		w->rec[w->nr - 2].h.len = offsetof(struct ss_rec_g_io, queue);
		w->rec[w->nr - 2].g_io.queue = 0;
	}
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 10);
	EXPECT_NEAR(part(w, ATTR_BACKING), 10 * 200 * US);
}

TEST_F(attr, keys, .title = "disk, operation, sector and length must agree")
{
	struct world *w = &self->w;

	world_disk(w, 1);
	for (int i = 0; i < 5; i++) {
		struct world_io io = later(i * MS);

		world_guest_io(w, &io);
		io.disk += i == 1;
		io.type = i == 2 ? VIRTIO_BLK_T_OUT : io.type;
		io.sector += i == 3;
		io.bytes += i == 4 ? 512 : 0;
		world_host_io(w, &io);
	}
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 5);
	EXPECT_EQ(w->a.io.matched, 1);
	EXPECT_EQ(w->a.io.host_unmatched, 4);
	EXPECT_NEAR(part(w, ATTR_UNKNOWN), 4 * 340 * US);
	EXPECT_FALSE(w->a.verdict.complete);
	world_expect_sums(w);
}

TEST_F(attr, lost, .title = "a lost record costs its own IO only, also among identical ones")
{
	struct world *w = &self->w;

	for (int i = 0; i < 100; i++) {
		struct world_io io = later(i * 10 * MS);

		io.sector = 8;
		if (i != 30)
			world_guest_io(w, &io);
		if (i != 60)
			world_host_io(w, &io);
	}
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 99);
	EXPECT_EQ(w->a.io.matched, 98);
	EXPECT_EQ(w->a.io.host_unmatched, 1);
	EXPECT_NEAR(part(w, ATTR_UNKNOWN), 340 * US);
	world_expect_sums(w);
}

TEST_F(attr, outside, .title = "requests before and after the guest traced are told apart")
{
	struct world *w = &self->w;
	struct world_io io = later(-500 * MS);

	world_host_io(w, &io);
	io = later(SEC);
	world_host_io(w, &io);
	world_io(w, &plain);
	io = later(2 * SEC);
	world_io(w, &io);
	io = later(5 * SEC);
	world_host_io(w, &io);
	/* GET_ID is nobody's IO */
	io = later(SEC + MS);
	io.type = VIRTIO_BLK_T_GET_ID;
	world_host_io(w, &io);
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 2);
	EXPECT_EQ(w->a.io.host_unmatched, 1);
	EXPECT_EQ(w->a.io.host_outside, 2);
	EXPECT_EQ(w->a.disk[0].requests, 6);
}

TEST_F(attr, foreign, .title = "IO to devices that aren't ours is left out")
{
	struct world *w = &self->w;
	struct world_io io = later(MS);

	world_io(w, &plain);
	io.disk = 3;
	world_guest_io(w, &io);
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 1);
	EXPECT_EQ(w->a.foreign_io, 1);
}

TEST_F(attr, flush, .title = "flushes match by their order, several may share one")
{
	struct world *w = &self->w;
	struct world_io io;

	for (int i = 0; i < 3; i++) {
		io = later(i * MS);
		io.type = VIRTIO_BLK_T_FLUSH;
		io.bytes = 0;
		io.sector = (uint64_t)-1;
		world_guest_io(w, &io);
		/* the flush machinery makes it look like a write of nothing */
		w->rec[w->nr - 2].g_io.op = i == 1 ? SS_IO_WRITE : SS_IO_FLUSH;
		io.sector = 0;
		world_host_io(w, &io);
	}
	/* two more wait for the last one's */
	io.tid = 43;
	io.run = 0;
	world_guest_io(w, &io);
	io.tid = 44;
	io.start -= 5 * US;
	world_guest_io(w, &io);
	/* one had nothing to do and never reached the device */
	io = later(10 * MS);
	io.type = VIRTIO_BLK_T_FLUSH;
	io.issue = 0;
	io.running = true;
	world_guest_io(w, &io);
	io = later(20 * MS);
	io.type = VIRTIO_BLK_T_DISCARD;
	io.sector = 800;
	world_guest_io(w, &io);
	io.sector = 0;
	io.bytes = 16;
	world_host_io(w, &io);
	world_solve(w);
	EXPECT_EQ(w->a.io.count, 7);
	EXPECT_EQ(w->a.io.matched, 6);
	EXPECT_EQ(w->a.io.unissued, 1);
	EXPECT_EQ(w->a.io.host_unmatched, 0);
	EXPECT_EQ(part(w, ATTR_UNKNOWN), 0);
	EXPECT_TRUE(w->a.verdict.complete);
	world_expect_sums(w);
}

TEST_F(attr, clamp, .title = "stamps that contradict each other within the error, and beyond")
{
	struct world *w = &self->w;
	struct world_io io = plain;
	uint64_t err;

	/* the device seems to begin before the guest issues: by the clocks' error at most */
	io.begun = io.issue - 100;
	world_io(w, &io);
	world_solve(w);
	err = w->a.clock.error_ns;
	EXPECT_GE(err, 100);
	EXPECT_EQ(w->a.io.matched, 1);
	EXPECT_EQ(w->a.io.beyond_error, 0);
	EXPECT_NEAR(w->a.clamped_max_ns, 100);
	world_expect_sums(w);
	world_free(w);
	world_init(w);
	io.begun = io.issue - (int64_t)err - 50 * US;
	world_io(w, &io);
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 1);
	EXPECT_EQ(w->a.io.beyond_error, 1);
	EXPECT_NEAR(w->a.clamped_max_ns, err + 50 * US);
	EXPECT_GE(w->a.notes, 1);
	world_expect_sums(w);
}

TEST_F(attr, unaligned, .title = "without a common clock only the guest's own parts are told")
{
	struct world *w = &self->w;
	uint32_t n = 0;

	world_io(w, &plain);
	world_runq(w, SS_THREAD_VCPU, 0, T0, T0 + SEC);
	for (uint32_t i = 0; i < w->nr; i++)
		if (w->rec[i].h.type != SS_REC_G_CLOCK)
			w->rec[n++] = w->rec[i];
	w->nr = n;
	world_solve(w);
	EXPECT_FALSE(w->a.clock.aligned);
	EXPECT_EQ(w->a.io.matched, 0);
	EXPECT_EQ(part(w, ATTR_GUEST_QUEUE), 10 * US);
	EXPECT_EQ(part(w, ATTR_UNKNOWN), 340 * US);
	EXPECT_EQ(part(w, ATTR_COMPLETION), 10 * US);
	EXPECT_EQ(part(w, ATTR_SCHEDULER), 50 * US);
	EXPECT_EQ(part(w, ATTR_HOST), 0);
	EXPECT_FALSE(w->a.verdict.complete);
	EXPECT_STRSTR(w->a.note[0], "can't be aligned");
	world_expect_sums(w);
}

TEST_F(attr, percentiles, .title = "p50 and p99 are within 1 %, sum and max exact")
{
	struct world *w = &self->w;
	uint64_t sum = 0;

	for (int i = 1; i <= 1000; i++) {
		struct world_io io = later(i * 20 * MS);

		io.begun = io.issue;
		io.backed = io.published = io.done = io.issue + i * 10 * US;
		io.run = 0;
		sum += (uint64_t)i * 10 * US;
		world_io(w, &io);
	}
	world_shuffle(w, 99);
	world_solve(w);
	EXPECT_LE(llabs((long long)(part(w, ATTR_BACKING) - sum)), 3000);
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
		struct world_io io = later(i * MS);

		io.backed = io.published = io.done = io.begun + i * 100 * US;
		io.run = 0;
		world_io(w, &io);
	}
	world_solve(w);
	EXPECT_GE(w->a.io.parts[ATTR_BACKING].p50, 199 * US);
	EXPECT_LE(w->a.io.parts[ATTR_BACKING].p50, 202 * US);
	EXPECT_NEAR(w->a.io.parts[ATTR_BACKING].p99, 300 * US);
}

TEST_F(attr, tasks, .title = "the tasks that waited longest, by their latest histogram")
{
	struct world *w = &self->w;

	for (uint32_t t = 0; t < 12; t++)
		for (uint32_t round = 0; round < 3; round++) {
			struct ss_rec_g_hist *h =
				&world_rec(w, SS_REC_G_HIST, sizeof(*h), T0 + (int64_t)round * SEC)
					 ->g_hist;

			h->tid = 100 + t;
			snprintf(h->comm, sizeof(h->comm), "t\033%u", t);
			h->max_ns = (t + 1) * 1000 * (round + 1);
			h->total_ns = h->max_ns * 5;
			h->slots[4] = 99 * (round + 1);
			h->slots[14] = round + 1;
		}
	world_shuffle(w, 3);
	world_solve(w);
	EXPECT_EQ(w->a.tasks, ATTR_TOP_TASKS);
	EXPECT_EQ(w->a.task[0].tid, 111);
	EXPECT_EQ(w->a.task[0].max_ns, 36000);
	EXPECT_EQ(w->a.task[0].total_ns, 180000);
	EXPECT_EQ(w->a.task[0].count, 300);
	EXPECT_EQ(w->a.task[0].p50_ns, 31);
	EXPECT_EQ(w->a.task[0].p99_ns, 31);
	EXPECT_STREQ(w->a.task[0].comm, "t?11")
	{
		TH_LOG("no control characters");
	}
	EXPECT_EQ(w->a.task[7].tid, 104);
}

TEST_F(attr, few_waits, .title = "a task's p50 and p99 are those of its waits, however few")
{
	struct world *w = &self->w;
	struct ss_rec_g_hist *h = &world_rec(w, SS_REC_G_HIST, sizeof(*h), T0)->g_hist;

	h->tid = 100;
	h->max_ns = 30000;
	h->total_ns = 30000 + 7 * 20;
	h->slots[4] = 7;
	h->slots[14] = 1;
	world_solve(w);
	EXPECT_EQ(w->a.task[0].count, 8);
	EXPECT_EQ(w->a.task[0].p50_ns, 31);
	EXPECT_EQ(w->a.task[0].p99_ns, 30000);
}

TEST_HARNESS_MAIN
