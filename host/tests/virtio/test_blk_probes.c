// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which probes the block device fires, and in which order. The device's own
 * sources are built into this test with probes that write to a list.
 */
#include "ss_harness.h"

#include "mock_probes.h"

#include "virtio/vdev.c"
#include "virtio/vdev_queue.c"
#include "virtio/blk.c"
#include "virtio/blk_queue.c"
#include "virtio/blk_req.c"

#include "mock_blk.h"

#define DATA MOCK_BLK_DATA

FIXTURE(probe)
{
	struct mock_blk b;
};

FIXTURE_SETUP(probe)
{
	const struct mock_blk_opts opts = { .limits = { .ops = { 2, 0 } } };

	ASSERT_EQ(mock_blk_init(&self->b, &opts), 0);
	mock_blk_start(&self->b, BLK_FEATURES);
	fired[0] = '\0';
}

FIXTURE_TEARDOWN(probe)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
}

TEST_F(probe, one_request, .title = "a request's probes, from kick to interrupt")
{
	mock_read(&self->b.q, 5, DATA, 1024);
	mock_blk_kick(&self->b);
	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "req_start 3/0 head=0 type=0 sector=5 bytes=1024\n"
		     "backing_done 3/0 head=0\n"
		     "req_done 3/0 head=0 status=0\n"
		     "interrupt 3/0\n"
		     "drain_end 3/0 chains=1 published=1 stalled=0\n");
}

TEST_F(probe, rejected, .title = "what never got to the throttle has no request probes")
{
	mock_read(&self->b.q, 5, DATA, 100);
	mock_chain(&self->b.q, &(struct mock_piece){ 0x30000, 16, false }, 1);
	mock_blk_kick(&self->b);
	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "interrupt 3/0\n"
		     "drain_end 3/0 chains=2 published=1 stalled=0\n");
}

TEST_F(probe, lost, .title = "a chain whose completion is lost has no req_done")
{
	struct mock_req req = mock_flush(&self->b.q);

	mock_desc(&self->b.q, (uint16_t)(req.head + 1), GUEST_HOLE, 1, VRING_DESC_F_WRITE, 0);
	mock_blk_kick(&self->b);
	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "req_start 3/0 head=0 type=4 sector=0 bytes=0\n"
		     "backing_done 3/0 head=0\n"
		     "drain_end 3/0 chains=1 published=0 stalled=0\n");
}

static void stall(struct mock_blk *b)
{
	mock_flush(&b->q);
	mock_flush(&b->q);
	mock_blk_kick(b);
	fired[0] = '\0';
	mock_flush(&b->q);
	mock_blk_kick(b);
}

TEST_F(probe, stalled, .title = "D104 a stall begins once, is looked at in vain, and ends granted")
{
	struct mock_blk *b = &self->b;

	stall(b);
	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "stall_begin 3/0 head=4 bucket=1 deficit=1 predicted=500000000\n"
		     "drain_end 3/0 chains=0 published=0 stalled=1\n");
	/* D88: consumed, not drained. */
	mock_blk_kick(b);
	EXPECT_FIRED("kick 3/0\n");
	/* In vain: it goes on. */
	b->clock.now += 100000000;
	blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 1, 0 } });
	blk_step(b->blk, 0);
	EXPECT_FIRED("drain_begin 3/0\n"
		     "drain_end 3/0 chains=0 published=0 stalled=1\n");
	b->clock.now += 800000000;
	blk_step(b->blk, 0);
	EXPECT_FIRED("drain_begin 3/0\n"
		     "stall_end 3/0 head=4 granted=1 predicted=900000000 profile=0\n"
		     "req_start 3/0 head=4 type=4 sector=0 bytes=0\n"
		     "backing_done 3/0 head=4\n"
		     "req_done 3/0 head=4 status=0\n"
		     "interrupt 3/0\n"
		     "drain_end 3/0 chains=1 published=1 stalled=0\n");
}

/* A disk of 2 IOPS whose profile stands still from 400 ms for 700, and what it stalls. */
static struct profile *ordered(struct mock_blk *b)
{
	const char text[] = "stall every=10s for=700ms first=400ms\n";
	struct mock_blk_opts opts = { .limits = { .ops = { 2, 0 } } };
	struct profile *p = NULL;
	char err[128];

	EXPECT_EQ(profile_parse(text, strlen(text), "t", &p, err, sizeof(err)), 0);
	opts.profile = p;
	EXPECT_EQ(mock_blk_init(b, &opts), 0);
	mock_blk_start(b, BLK_FEATURES);
	blk_profile_start(b->blk);
	b->clock.now += 100000000;
	stall(b);
	return p;
}

TEST(profile_in_stall,
     .title = "D107 a stall for want of tokens tells what of it was the profile's")
{
	struct mock_blk b;
	struct profile *p = ordered(&b);

	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "stall_begin 3/0 head=4 bucket=1 deficit=1 predicted=500000000\n"
		     "drain_end 3/0 chains=0 published=0 stalled=1\n");
	b.clock.now += 500000000;
	blk_step(b.blk, 0);
	b.clock.now += 500000000;
	fired[0] = '\0';
	blk_step(b.blk, 0);
	EXPECT_TRUE(strstr(fired, "stall_end 3/0 head=4 granted=1 predicted=1000000000 "
				  "profile=700000000\n"));
	EXPECT_EQ(mock_blk_free(&b), 0);
	profile_free(p);
}

TEST(profile_and_reset,
     .title = "D107 the same when a reset ends it, and before the profile's time")
{
	struct mock_blk b;
	struct profile *p = ordered(&b);

	b.clock.now += 350000000;
	fired[0] = '\0';
	reg_write(b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_FIRED("stall_end 3/0 head=4 granted=2 predicted=500000000 profile=50000000\n"
		     "dev_event 3/0 event=2 arg=0\n");
	EXPECT_EQ(mock_blk_free(&b), 0);
	profile_free(p);
}

TEST_F(probe, stall_ended_by_reset, .title = "a reset ends a stall, and is told itself")
{
	stall(&self->b);
	fired[0] = '\0';
	reg_write(self->b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_FIRED("stall_end 3/0 head=4 granted=2 predicted=500000000 profile=0\n"
		     "dev_event 3/0 event=2 arg=0\n");
	reg_write(self->b.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_FIRED("");
}

TEST_F(probe, poison, .title = "poison: its reason, one interrupt; kicks after it are kicks only")
{
	mock_set_avail_idx(&self->b.q, 1000);
	mock_blk_kick(&self->b);
	EXPECT_FIRED("kick 3/0\n"
		     "drain_begin 3/0\n"
		     "dev_event 3/0 event=1 arg=1\n"
		     "interrupt 3/0\n"
		     "drain_end 3/0 chains=0 published=0 stalled=0\n");
	mock_blk_kick(&self->b);
	EXPECT_FIRED("kick 3/0\n");
}

TEST_F(probe, not_ready, .title = "a drain that didn't happen is not told")
{
	struct mock_blk *b = &self->b;

	mock_negotiate(b->m, BLK_FEATURES);
	mock_driver_ok(b->m);
	fired[0] = '\0';
	mock_blk_kick(b);
	EXPECT_FIRED("kick 3/0\n");
}

TEST_F(probe, pause, .title = "pause and resume are told")
{
	blk_pause(self->b.blk, 0);
	blk_resume(self->b.blk);
	EXPECT_FIRED("dev_event 3/0 event=3 arg=0\n"
		     "dev_event 3/0 event=4 arg=0\n");
}

static unsigned int count(const char *what)
{
	unsigned int n = 0;

	for (const char *p = fired; (p = strstr(p, what)); p++)
		n++;
	return n;
}

TEST_F(probe, stalls_and_counter_agree,
       .title = "D41 a stall_begin for each throttled_count, an end for each begin")
{
	struct mock_blk *b = &self->b;
	unsigned int begins = 0, ends = 0;

	for (int i = 0; i < 30; i++) {
		mock_flush(&b->q);
		mock_flush(&b->q);
		mock_blk_kick(b);
		b->clock.now += 377000000;
		blk_step(b->blk, 0);
		if (i % 10 == 9)
			mock_blk_start(b, BLK_FEATURES);
		begins += count("stall_begin");
		ends += count("stall_end");
		fired[0] = '\0';
	}
	EXPECT_GT(begins, 20);
	EXPECT_EQ(begins, b->counters.throttled_count);
	EXPECT_EQ(ends, begins - b->counters.currently_throttled_gauge);
}

TEST_HARNESS_MAIN
