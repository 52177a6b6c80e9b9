// SPDX-License-Identifier: GPL-2.0-only
/* The throttle seen through the device: what a stall is, and what it isn't. */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_blk.h"

#define OK    VIRTIO_BLK_S_OK
#define DATA  MOCK_BLK_DATA
#define SEC   IO_NSEC_PER_SEC
#define START MOCK_BLK_START

FIXTURE(stall)
{
	struct mock_blk b;
};

FIXTURE_TEARDOWN(stall)
{
	EXPECT_EQ(mock_blk_free(&self->b), 0);
	EXPECT_EQ(self->b.counters.currently_throttled_gauge, 0);
}

FIXTURE_SETUP(stall)
{
	/* Each test makes its disk. */
	self->b.blk = NULL;
}

static void disk(struct mock_blk *b, uint64_t iops, uint64_t bps)
{
	const struct mock_blk_opts opts = { .limits = { .ops = { iops, 0 }, .bytes = { bps, 0 } } };

	ASSERT_EQ(mock_blk_init(b, &opts), 0);
	mock_blk_start(b, BLK_FEATURES);
}

/* Takes all tokens: @n reads of 512 bytes that are granted. */
static void exhaust(struct mock_blk *b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct mock_req req = mock_read(&b->q, 0, DATA, 512);

		mock_blk_kick(b);
		ASSERT_TRUE(mock_blk_expect(b, &req, OK, 513));
	}
	mock_blk_irqs(b);
	reg_write(b->m, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	mock_blk_changes(b);
}

/* Lets time pass to @at and gives the worker a turn. */
static void at(struct mock_blk *b, uint64_t when)
{
	b->clock.now = when;
	blk_step(b->blk, 0);
}

TEST_F(stall, invisible,
       .title = "D39 a stalled chain is invisible: no status, element, interrupt, error")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 0);
	exhaust(b, 10);
	req = mock_read(&b->q, 7, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(mock_blk_irqs(b), 0);
	EXPECT_EQ(mock_blk_isr(b), 0);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	EXPECT_EQ(b->backing.calls[MOCK_READ], 10);
	/* And then it's served as if nothing had been. */
	at(b, START + SEC / 10);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 currently_throttled_gauge-1");
}

TEST_F(stall, cursor_wraps, .title = "D40 the avail cursor goes back by one, from 0 to 65535")
{
	struct mock_blk *b = &self->b;
	struct mock_req req, next;

	disk(b, 0, 0);
	for (int i = 0; i < 65534; i++) {
		req = mock_flush(&b->q);
		mock_blk_kick(b);
		if (mock_blk_done(b, &req) != 1)
			break;
	}
	/* The chain at index 65534 takes the only token; the one at 65535 stalls. */
	ASSERT_EQ(b->q.avail_idx, 65534);
	ASSERT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 1, 0 } }), 0);
	exhaust(b, 1);
	req = mock_read(&b->q, 1, DATA, 512);
	next = mock_read(&b->q, 2, DATA, 512);
	ASSERT_EQ(b->q.avail_idx, 1);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(b->counters.throttled_count, 1);
	at(b, START + SEC);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_TRUE(mock_blk_nothing(b, &next));
	at(b, START + 2 * SEC);
	EXPECT_TRUE(mock_blk_expect(b, &next, OK, 513));
	EXPECT_EQ(b->counters.invalid_avail_idx_count, 0);
}

TEST_F(stall, counts_events,
       .title = "D41 D104 throttled_count + 1 a stall, however often the worker looks again")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 0, 512);
	/* 2560 bytes above the capacity: granted, 2048 in debt, 5 s until 512 are there. */
	req = mock_read(&b->q, 0, DATA, 2560);
	mock_blk_kick(b);
	ASSERT_TRUE(mock_blk_expect(b, &req, OK, 2561));
	mock_blk_changes(b);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_STREQ(mock_blk_changes(b), "throttled_count+1 currently_throttled_gauge+1");
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 5 * SEC);
	for (uint64_t s = 1; s < 5; s++) {
		at(b, START + s * SEC);
		EXPECT_STREQ(mock_blk_changes(b), "");
		EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + 5 * SEC);
		EXPECT_TRUE(mock_blk_nothing(b, &req));
	}
	at(b, START + 5 * SEC);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_STREQ(mock_blk_changes(b),
		     "reads_completed+1 bytes_read+512 currently_throttled_gauge-1");
}

TEST_F(stall, gauge_edges,
       .title = "D42 D43 the gauge moves on the edges only, down on a reset too")
{
	struct mock_blk *b = &self->b;

	disk(b, 1, 0);
	exhaust(b, 1);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
	mock_blk_kick(b);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
	reg_write(b->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
	/* Torn down while stalled: see the teardown of this fixture. */
	mock_blk_start(b, BLK_FEATURES);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
}

TEST_F(stall, gauge_floor, .title = "D43 D103 the gauge never goes below 0")
{
	struct mock_blk *b = &self->b;

	disk(b, 1, 0);
	exhaust(b, 1);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	/* Somebody else zeroed it. */
	b->counters.currently_throttled_gauge = 0;
	at(b, START + SEC);
	EXPECT_EQ(b->counters.reads_completed, 2);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
}

TEST_F(stall, longest_wait,
       .title = "D44 D85 the wait is the longer bucket's, the timer set to the ns")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 4096);
	exhaust(b, 8);
	/* 2 operations and 0 bytes are left: only the bytes must wait. */
	req = mock_read(&b->q, 0, DATA, 1024);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + SEC / 4);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + SEC / 4);
	at(b, START + SEC / 4 - 1);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(b->counters.throttled_count, 1);
	at(b, START + SEC / 4);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1025));
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), 0);
}

TEST_F(stall, both_charged_or_none, .title = "D37 a stall for bytes costs no operation")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 512);
	exhaust(b, 1);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	/* A hundred vain tries, were they charged, would leave no operation. */
	for (uint64_t i = 1; i <= 100; i++) {
		blk_set_limits(b->blk, &(struct throttle_limits){ { 10, 0 }, { 512, 0 } });
		at(b, START + i * 1000);
	}
	EXPECT_EQ(b->counters.throttled_count, 1);
	at(b, START + SEC);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST_F(stall, costs, .title = "D38 FLUSH and GET_ID cost an operation; FLUSH no bytes")
{
	const struct mock_piece id = { DATA, 20, true };
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 3, 40);
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, &id, 1);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 21));
	req = mock_blk(&b->q, VIRTIO_BLK_T_GET_ID, 0, &id, 1);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 21));
	/* 40 bytes are gone: a flush passes all the same, with the last operation. */
	req = mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
	EXPECT_EQ(b->counters.throttled_count, 0);
	req = mock_flush(&b->q);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	EXPECT_EQ(b->counters.throttled_count, 1);
}

TEST_F(stall, notifications_on, .title = "D45 notifications are enabled before the wait")
{
	struct mock_blk *b = &self->b;

	disk(b, 1, 0);
	exhaust(b, 1);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(mock_used_flags(&b->q), 0);
	mock_blk_start(b, BLK_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX));
	mock_read(&b->q, 0, DATA, 512);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	/* The event is at the stalled head. */
	EXPECT_EQ(mock_avail_event(&b->q), 0);
	at(b, START + SEC);
	EXPECT_EQ(mock_avail_event(&b->q), 1);
}

TEST_F(stall, fifo, .title = "D46 a stalled head holds what is behind it, cheap or not")
{
	struct mock_blk *b = &self->b;
	struct mock_req big, flush, bad, small;

	disk(b, 0, 4096);
	exhaust(b, 1);
	big = mock_read(&b->q, 0, DATA, 4096);
	flush = mock_flush(&b->q);
	bad = mock_blk(&b->q, 99, 0, NULL, 0);
	small = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_nothing(b, &big));
	EXPECT_TRUE(mock_blk_nothing(b, &flush));
	EXPECT_TRUE(mock_blk_nothing(b, &bad));
	EXPECT_TRUE(mock_blk_nothing(b, &small));
	at(b, START + SEC / 8);
	EXPECT_TRUE(mock_blk_expect(b, &big, OK, 4097));
	EXPECT_TRUE(mock_blk_expect(b, &flush, OK, 1));
	EXPECT_TRUE(mock_blk_expect(b, &bad, VIRTIO_BLK_S_UNSUPP, 1));
	EXPECT_TRUE(mock_blk_nothing(b, &small));
	at(b, START + SEC / 4);
	EXPECT_TRUE(mock_blk_expect(b, &small, OK, 513));
}

TEST_F(stall, earlier_chains_are_signalled,
       .title = "D47 chains published before the stall are signalled")
{
	struct mock_blk *b = &self->b;
	struct mock_req first, second, third;

	disk(b, 2, 0);
	first = mock_read(&b->q, 0, DATA, 512);
	second = mock_read(&b->q, 0, DATA, 512);
	third = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &first, OK, 513));
	EXPECT_TRUE(mock_blk_expect(b, &second, OK, 513));
	EXPECT_TRUE(mock_blk_nothing(b, &third));
	EXPECT_EQ(mock_blk_irqs(b), 1);
	EXPECT_EQ(mock_blk_isr(b), VIRTIO_MMIO_INT_VRING);
}

TEST_F(stall, kicks_do_not_drain,
       .title = "D88 while the head is blocked kicks are consumed, the timer drains")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 0);
	exhaust(b, 10);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.throttled_count, 1);
	for (int i = 0; i < 50; i++) {
		mock_blk_kick(b);
		/* Consumed: the eventfd is empty again. */
		EXPECT_EQ(mock_eventfd(virtio_mmio_kick_fd(b->m, 0)), 0);
	}
	EXPECT_EQ(b->counters.throttled_count, 1);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), START + SEC / 10);
	/* Even when tokens would be there: it's the timer's to find them. */
	b->clock.now = START + SEC / 10;
	blk_drain_queue(b->blk, 0);
	EXPECT_TRUE(mock_blk_nothing(b, &req));
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	/* And kicks work as before. */
	req = mock_flush(&b->q);
	b->clock.now += SEC;
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 1));
}

TEST_F(stall, reset_does_not_refill, .title = "D97 a reset does not refill the throttle")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 0);
	exhaust(b, 10);
	for (int i = 0; i < 20; i++) {
		mock_blk_start(b, BLK_FEATURES);
		req = mock_read(&b->q, 0, DATA, 512);
		mock_blk_kick(b);
		EXPECT_TRUE(mock_blk_nothing(b, &req));
	}
	EXPECT_EQ(b->counters.reads_completed, 10);
	at(b, START + SEC / 10);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
}

TEST_F(stall, reset_clears_the_stall,
       .title = "D96 after a reset the queue starts afresh, not stalled")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 0);
	exhaust(b, 10);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	mock_blk_start(b, BLK_FEATURES);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), 0);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
	/* A kick drains at once: this one needs no token. */
	req = mock_blk(&b->q, 99, 0, NULL, 0);
	mock_blk_kick(b);
	EXPECT_TRUE(mock_blk_expect(b, &req, VIRTIO_BLK_S_UNSUPP, 1));
}

TEST_F(stall, head_taken_away, .title = "D43 a guest that changes its stalled head ends the stall")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 10, 0);
	exhaust(b, 10);
	/* The head turns into one that is rejected, is dropped, vanishes, breaks the ring. */
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
	*(uint32_t *)mock_ptr(&b->g, req.header, 4) = 99;
	at(b, START + SEC / 10);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, VIRTIO_BLK_S_UNSUPP, 1));

	exhaust(b, 1);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	mock_desc(&b->q, req.head, 0, 1, 0, 0);
	at(b, START + 2 * SEC / 10);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
	EXPECT_EQ(b->counters.chains_dropped, 1);

	exhaust(b, 1);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	mock_set_avail_idx(&b->q, b->q.avail_idx - 1);
	at(b, START + 3 * SEC / 10);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);

	exhaust(b, 1);
	mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 1);
	mock_set_avail_idx(&b->q, b->q.avail_idx + 1000);
	at(b, START + 4 * SEC / 10);
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
	EXPECT_EQ(b->counters.invalid_avail_idx_count, 1);
	EXPECT_EQ(blk_armed_ns(b->blk, 0), 0);
}

TEST_F(stall, limits_change,
       .title = "D104 new limits are asked at once, in the same stall; lifted ones free the head")
{
	struct mock_blk *b = &self->b;
	struct mock_req req;

	disk(b, 1, 0);
	exhaust(b, 1);
	req = mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + SEC);
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 5, 1 } }), -EINVAL);
	blk_step(b->blk, 0);
	EXPECT_EQ(b->counters.throttled_count, 1);
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ .ops = { 100, 0 } }), 0);
	blk_step(b->blk, 0);
	EXPECT_EQ(blk_deadline_ns(b->blk, 0), START + SEC / 100);
	EXPECT_EQ(b->counters.throttled_count, 1);
	EXPECT_EQ(blk_set_limits(b->blk, &(struct throttle_limits){ 0 }), 0);
	blk_step(b->blk, 0);
	EXPECT_TRUE(mock_blk_expect(b, &req, OK, 513));
	EXPECT_EQ(b->counters.currently_throttled_gauge, 0);
}

TEST_F(stall, rate_through_the_device,
       .title = "D76 the device delivers its rate to the request over 5 s")
{
	struct mock_blk *b = &self->b;
	uint64_t done = 0;

	disk(b, 777, 0);
	exhaust(b, 777);
	/* Always 8 requests in flight; time jumps from timer to timer. */
	for (int i = 0; i < 8; i++)
		mock_read(&b->q, 0, DATA, 512);
	mock_blk_kick(b);
	while (blk_armed_ns(b->blk, 0) <= START + 5 * SEC) {
		uint32_t id, len;

		at(b, blk_armed_ns(b->blk, 0));
		while (mock_used(&b->q, &id, &len)) {
			done++;
			mock_read(&b->q, 0, DATA, 512);
		}
	}
	EXPECT_EQ(done, 5 * 777);
	/* Each wake-up was exact: none in vain. */
	EXPECT_EQ(b->counters.throttled_count, done + 1);
}

TEST_HARNESS_MAIN
