// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution: which of the guest's IOs is which of the device's requests.
 */
#include <linux/virtio_blk.h>
#include <stddef.h>
#include <stdlib.h>

#include "attr_fixture.h"

TEST_F(attr, same_key, .title = "identical requests are matched in their order")
{
	struct world *w = &self->w;

	for (int i = 0; i < 50; i++) {
		struct world_io io = world_later(i * MS);

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
	EXPECT_LE(llabs((long long)world_part(w, ATTR_BACKING) - (50 * 200 + 49 * 50 / 2) * US),
		  100);
}

/* On several queues the order of completion isn't that of the device. */
TEST_F(attr, same_key_queues, .title = "identical requests on several queues keep to their queue")
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_FLUSH,
					  VIRTIO_BLK_T_DISCARD };
	struct world *w = &self->w;

	for (unsigned int i = 0; i < 3; i++) {
		struct world_io a = world_later(i * SEC), b = a;

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
	EXPECT_NEAR(world_part(w, ATTR_THROTTLE), 30 * US);
	EXPECT_NEAR(world_part(w, ATTR_BACKING), 3 * (210 + 20) * US);
	world_expect_sums(w);
}

TEST_F(attr, old_layout, .title = "records without a queue match as if there were one")
{
	struct world *w = &self->w;

	for (int i = 0; i < 10; i++) {
		struct world_io io = world_later(i * MS);

		io.queue = (uint32_t)i % 2;
		io.run = 0;
		world_io(w, &io);
		w->rec[w->nr - 2].h.len = offsetof(struct ss_rec_g_io, queue);
		w->rec[w->nr - 2].g_io.queue = 0;
	}
	world_solve(w);
	EXPECT_EQ(w->a.io.matched, 10);
	EXPECT_NEAR(world_part(w, ATTR_BACKING), 10 * 200 * US);
}

TEST_F(attr, keys, .title = "disk, operation, sector and length must agree")
{
	struct world *w = &self->w;

	world_disk(w, 1);
	for (int i = 0; i < 5; i++) {
		struct world_io io = world_later(i * MS);

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
	EXPECT_NEAR(world_part(w, ATTR_UNKNOWN), 4 * 340 * US);
	EXPECT_FALSE(w->a.verdict.complete);
	world_expect_sums(w);
}

TEST_F(attr, lost, .title = "a lost record costs its own IO only, also among identical ones")
{
	struct world *w = &self->w;

	for (int i = 0; i < 100; i++) {
		struct world_io io = world_later(i * 10 * MS);

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
	EXPECT_NEAR(world_part(w, ATTR_UNKNOWN), 340 * US);
	world_expect_sums(w);
}

TEST_F(attr, outside, .title = "requests before and after the guest traced are told apart")
{
	struct world *w = &self->w;
	struct world_io io = world_later(-500 * MS);

	world_host_io(w, &io);
	io = world_later(SEC);
	world_host_io(w, &io);
	world_io(w, &world_plain);
	io = world_later(2 * SEC);
	world_io(w, &io);
	io = world_later(5 * SEC);
	world_host_io(w, &io);
	/* GET_ID is nobody's IO */
	io = world_later(SEC + MS);
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
	struct world_io io = world_later(MS);

	world_io(w, &world_plain);
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
		io = world_later(i * MS);
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
	io = world_later(10 * MS);
	io.type = VIRTIO_BLK_T_FLUSH;
	io.issue = 0;
	io.running = true;
	world_guest_io(w, &io);
	io = world_later(20 * MS);
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
	EXPECT_EQ(world_part(w, ATTR_UNKNOWN), 0);
	EXPECT_TRUE(w->a.verdict.complete);
	world_expect_sums(w);
}

TEST_F(attr, clamp, .title = "stamps that contradict each other within the error, and beyond")
{
	struct world *w = &self->w;
	struct world_io io = world_plain;
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

	world_io(w, &world_plain);
	world_runq(w, SS_THREAD_VCPU, 0, T0, T0 + SEC);
	for (uint32_t i = 0; i < w->nr; i++)
		if (w->rec[i].h.type != SS_REC_G_CLOCK)
			w->rec[n++] = w->rec[i];
	w->nr = n;
	world_solve(w);
	EXPECT_FALSE(w->a.clock.aligned);
	EXPECT_EQ(w->a.io.matched, 0);
	EXPECT_EQ(world_part(w, ATTR_GUEST_QUEUE), 10 * US);
	EXPECT_EQ(world_part(w, ATTR_UNKNOWN), 340 * US);
	EXPECT_EQ(world_part(w, ATTR_COMPLETION), 10 * US);
	EXPECT_EQ(world_part(w, ATTR_SCHEDULER), 50 * US);
	EXPECT_EQ(world_part(w, ATTR_HOST), 0);
	EXPECT_FALSE(w->a.verdict.complete);
	EXPECT_STRSTR(w->a.note[0], "can't be aligned");
	world_expect_sums(w);
}

TEST_HARNESS_MAIN
