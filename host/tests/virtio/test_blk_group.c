// SPDX-License-Identifier: GPL-2.0-only
/* Several disks on one throttle: what each gets, by a clock that the test moves. */
#include "ss_harness.h"

#include <inttypes.h>
#include <string.h>

#include "mock_blk.h"

#define DATA   MOCK_BLK_DATA
#define SEC    IO_NSEC_PER_SEC
#define START  MOCK_BLK_START

#define NR_MAX 3

struct group {
	struct throttle throttle;
	unsigned int nr;
	uint64_t now;
	struct mock_blk disk[NR_MAX];
	uint64_t done[NR_MAX];
	uint32_t bytes[NR_MAX]; /* of each of its requests */
};

FIXTURE(group)
{
	struct group g;
};

FIXTURE_SETUP(group)
{
	self->g.nr = 0;
}

FIXTURE_TEARDOWN(group)
{
	for (unsigned int i = 0; i < self->g.nr; i++)
		EXPECT_EQ(mock_blk_free(&self->g.disk[i]), 0);
	EXPECT_NULL(self->g.throttle.waiters);
	throttle_destroy(&self->g.throttle);
}

static void group_make(struct group *g, unsigned int nr, uint64_t iops, uint64_t bps)
{
	const struct throttle_limits limits = { .ops = { iops, 0 }, .bytes = { bps, 0 } };
	const struct mock_blk_opts opts = { .throttle = &g->throttle };

	g->now = START;
	ASSERT_EQ(throttle_init(&g->throttle, &limits, START), 0);
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT_EQ(mock_blk_init(&g->disk[i], &opts), 0);
		g->nr++;
		g->bytes[i] = 512;
		mock_blk_start(&g->disk[i], BLK_FEATURES);
	}
}

/* Takes what @i has done, and asks for as much again if it @refill s. */
static void reap(struct group *g, unsigned int i, bool refill)
{
	struct mock_blk *b = &g->disk[i];
	uint32_t id, len;

	while (mock_used(&b->q, &id, &len)) {
		g->done[i]++;
		if (refill)
			mock_read(&b->q, 0, DATA, g->bytes[i]);
	}
}

static void submit(struct group *g, unsigned int i, unsigned int depth)
{
	for (unsigned int n = 0; n < depth; n++)
		mock_read(&g->disk[i].q, 0, DATA, g->bytes[i]);
	mock_blk_kick(&g->disk[i]);
}

/* Time goes from timer to timer up to @end; the disks' workers run in order. */
static void run_to(struct group *g, uint64_t end)
{
	for (;;) {
		uint64_t next = end;

		for (unsigned int i = 0; i < g->nr; i++) {
			const uint64_t armed = blk_armed_ns(g->disk[i].blk, 0);

			if (armed && armed < next)
				next = armed;
		}
		g->now = next > g->now ? next : g->now;
		for (unsigned int i = 0; i < g->nr; i++)
			g->disk[i].clock.now = g->now;
		if (g->now >= end)
			return;
		for (unsigned int i = 0; i < g->nr; i++) {
			const uint64_t armed = blk_armed_ns(g->disk[i].blk, 0);

			if (armed && armed <= g->now)
				blk_step(g->disk[i].blk, 0);
			reap(g, i, true);
			/* A kick, as a driver would; it drains if nothing is stalled. */
			mock_blk_kick(&g->disk[i]);
		}
	}
}

/* Empties the buckets, so that only the rate is left to share. */
static void drain_burst(struct group *g)
{
	struct throttle_verdict v;

	while (throttle_ask(&g->throttle, 512, START, &v))
		;
}

static void expect_shares(struct group *g, uint64_t total)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < g->nr; i++)
		sum += g->done[i];
	EXPECT_GE(sum + g->nr, total);
	EXPECT_LE(sum, total + g->nr);
	for (unsigned int i = 0; i < g->nr; i++) {
		/* Within 1 % of an equal share. */
		EXPECT_GE(g->done[i] * 100 * g->nr, total * 99);
		EXPECT_LE(g->done[i] * 100 * g->nr, total * 101);
	}
}

TEST_F(group, equal_shares, .title = "two disks that always ask get equal shares within 1 %")
{
	struct group *g = &self->g;

	group_make(g, 2, 400, 0);
	drain_burst(g);
	submit(g, 0, 32);
	submit(g, 1, 1);
	run_to(g, START + 10 * SEC);
	expect_shares(g, 4000);
}

TEST_F(group, equal_shares_of_bytes, .title = "and so for bytes, and for three")
{
	struct group *g = &self->g;

	group_make(g, 3, 0, 512 * 300);
	drain_burst(g);
	for (unsigned int i = 0; i < 3; i++)
		submit(g, i, 8u << i);
	run_to(g, START + 10 * SEC);
	expect_shares(g, 3000);
}

TEST_F(group, no_starving, .title = "large requests get their turn among small ones")
{
	struct group *g = &self->g;

	group_make(g, 2, 0, 1 << 20);
	g->bytes[1] = 64 << 10;
	drain_burst(g);
	submit(g, 0, 16);
	submit(g, 1, 1);
	run_to(g, START + 10 * SEC);
	/* They alternate: of 64.5 KiB, half a KiB is the small ones'. */
	EXPECT_GE(g->done[1], 158);
	EXPECT_LE(g->done[0], g->done[1] + 1);
	EXPECT_GE(g->done[0] + 1, g->done[1]);
}

TEST_F(group, idle_disk_leaves_it_all, .title = "what one doesn't use is the other's")
{
	struct group *g = &self->g;

	group_make(g, 2, 400, 0);
	drain_burst(g);
	submit(g, 0, 4);
	run_to(g, START + 5 * SEC);
	EXPECT_GE(g->done[0], 1999);
	EXPECT_LE(g->done[0], 2000);
	/* One that comes after that waits for its turn only. */
	submit(g, 1, 1);
	run_to(g, START + 5 * SEC + SEC / 100);
	EXPECT_GE(g->done[1], 1);
}

#define MANY 4

/* Whatever queue @q of @i has done is asked for again. */
static void turn(struct group *g, unsigned int i, struct mock_queue *q)
{
	uint32_t id, len;

	reg_write(g->disk[i].m, VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
	blk_step(g->disk[i].blk, q->index);
	while (mock_used(q, &id, &len)) {
		g->done[i]++;
		mock_read(q, 0, DATA, 512);
	}
}

TEST_F(group, equal_shares_of_queues,
       .title = "a disk with four queues gets no more than one with one")
{
	const struct mock_blk_opts opts = { .throttle = &self->g.throttle, .queues = MANY };
	struct group *g = &self->g;
	struct mock_queue many[MANY];

	group_make(g, 1, 400, 0);
	ASSERT_EQ(mock_blk_init(&g->disk[1], &opts), 0);
	g->nr++;
	mock_negotiate(g->disk[1].m, BLK_FEATURES | FEAT(VIRTIO_BLK_F_MQ));
	for (unsigned int i = 0; i < MANY; i++) {
		mock_queue_init(&many[i], &g->disk[1].g, i, 64);
		mock_setup_queue(g->disk[1].m, &many[i]);
	}
	mock_driver_ok(g->disk[1].m);
	drain_burst(g);
	for (unsigned int n = 0; n < 8; n++) {
		mock_read(&g->disk[0].q, 0, DATA, 512);
		for (unsigned int i = 0; i < MANY; i++)
			mock_read(&many[i], 0, DATA, 512);
	}
	while (g->now < START + 10 * SEC) {
		for (unsigned int i = 0; i < MANY; i++)
			turn(g, 1, &many[i]);
		turn(g, 0, &g->disk[0].q);
		g->now += SEC / 1600;
		g->disk[0].clock.now = g->disk[1].clock.now = g->now;
	}
	expect_shares(g, 4000);
}

TEST_F(group, first_come, .title = "tokens go to who was refused first, whoever asks first then")
{
	struct group *g = &self->g;
	struct mock_req a, b;

	group_make(g, 2, 10, 0);
	drain_burst(g);
	a = mock_read(&g->disk[0].q, 0, DATA, 512);
	mock_blk_kick(&g->disk[0]);
	b = mock_read(&g->disk[1].q, 0, DATA, 512);
	mock_blk_kick(&g->disk[1]);
	EXPECT_EQ(blk_deadline_ns(g->disk[0].blk, 0), START + SEC / 10);
	EXPECT_EQ(blk_deadline_ns(g->disk[1].blk, 0), START + 2 * SEC / 10);
	/* The second one looks first: the token is the other's. */
	g->disk[0].clock.now = g->disk[1].clock.now = START + SEC / 10;
	blk_recheck(g->disk[1].blk);
	blk_step(g->disk[1].blk, 0);
	EXPECT_TRUE(mock_blk_nothing(&g->disk[1], &b));
	blk_step(g->disk[0].blk, 0);
	EXPECT_TRUE(mock_blk_expect(&g->disk[0], &a, VIRTIO_BLK_S_OK, 513));
	g->disk[1].clock.now = START + 2 * SEC / 10;
	blk_step(g->disk[1].blk, 0);
	EXPECT_TRUE(mock_blk_expect(&g->disk[1], &b, VIRTIO_BLK_S_OK, 513));
}

TEST_F(group, reset_leaves_the_line, .title = "a disk that is reset holds nobody up")
{
	struct group *g = &self->g;
	struct throttle_state state;
	struct mock_req b;

	group_make(g, 2, 1, 0);
	drain_burst(g);
	mock_read(&g->disk[0].q, 0, DATA, 512);
	mock_blk_kick(&g->disk[0]);
	b = mock_read(&g->disk[1].q, 0, DATA, 512);
	mock_blk_kick(&g->disk[1]);
	blk_limits(g->disk[0].blk, &state);
	EXPECT_EQ(state.waiters, 2);
	reg_write(g->disk[0].m, VIRTIO_MMIO_STATUS, 0);
	blk_limits(g->disk[0].blk, &state);
	EXPECT_EQ(state.waiters, 1);
	/* It hears of it, and need not look by itself. */
	EXPECT_EQ(blk_deadline_ns(g->disk[1].blk, 0), START + 2 * SEC);
	EXPECT_EQ(blk_step(g->disk[1].blk, 0), 1);
	EXPECT_EQ(blk_deadline_ns(g->disk[1].blk, 0), START + SEC);
	g->disk[1].clock.now = START + SEC;
	blk_step(g->disk[1].blk, 0);
	EXPECT_TRUE(mock_blk_expect(&g->disk[1], &b, VIRTIO_BLK_S_OK, 513));
}

TEST_F(group, limits_for_all, .title = "limits changed through one disk hold for all")
{
	struct group *g = &self->g;
	struct throttle_state state;

	group_make(g, 2, 10, 0);
	drain_burst(g);
	submit(g, 0, 4);
	submit(g, 1, 4);
	EXPECT_EQ(blk_set_limits(g->disk[0].blk, &(struct throttle_limits){ .ops = { 1000, 0 } }),
		  0);
	blk_recheck(g->disk[1].blk);
	blk_step(g->disk[0].blk, 0);
	blk_step(g->disk[1].blk, 0);
	EXPECT_EQ(blk_deadline_ns(g->disk[0].blk, 0), START + SEC / 1000);
	EXPECT_EQ(blk_deadline_ns(g->disk[1].blk, 0), START + 2 * SEC / 1000);
	run_to(g, START + SEC);
	expect_shares(g, 1000);
	blk_limits(g->disk[1].blk, &state);
	EXPECT_EQ(state.limits.ops.rate, 1000);
	EXPECT_EQ(state.limits.ops.burst, 0);
	/* Unlimited: both go, and nobody stays in the line. */
	blk_set_limits(g->disk[0].blk, &(struct throttle_limits){ 0 });
	blk_recheck(g->disk[1].blk);
	blk_step(g->disk[0].blk, 0);
	blk_step(g->disk[1].blk, 0);
	EXPECT_NULL(g->throttle.waiters);
	EXPECT_EQ(g->disk[0].counters.currently_throttled_gauge, 0);
}

TEST_HARNESS_MAIN
