// SPDX-License-Identifier: GPL-2.0-only
/*
 * The throttle in front of TX: the block device's rules (D35 to D46, D72 to
 * D88, D97) hold for frames.
 */
#include "ss_harness.h"

#include <errno.h>
#include <string.h>

#include "mock_net.h"

#define SEC   IO_NSEC_PER_SEC
#define START MOCK_NET_START

FIXTURE(stall)
{
	struct mock_net n;
};

FIXTURE_SETUP(stall)
{
	/* Each test makes its device. */
	self->n.net = NULL;
}

FIXTURE_TEARDOWN(stall)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
	EXPECT_EQ(self->n.pressure.currently_throttled_gauge, 0);
}

#define EXPECT_CHANGES(text_) EXPECT_STREQ(mock_net_changes(&self->n), text_)

static struct mock_net *device(struct mock_net *n, uint64_t pps, uint64_t bps)
{
	const struct mock_net_opts opts = { .limits = { .ops = { pps, 0 }, .bytes = { bps, 0 } } };

	ASSERT_EQ(mock_net_init(n, &opts), 0);
	mock_net_start(n, NET_FEATURES, 256);
	for (int i = 0; i < 100; i++)
		mock_net_give(n);
	return n;
}

/* Lets time pass to @at and gives the worker a turn. */
static void at(struct mock_net *n, uint64_t when)
{
	n->clock.now = when;
	net_step(n->net);
}

/* Takes all tokens: @nr frames of @len that are granted. */
static void exhaust(struct mock_net *n, unsigned int nr, uint32_t len)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct mock_frame f = mock_net_send(n, len);

		mock_net_kick(n);
		ASSERT_TRUE(mock_net_sent(n, &f));
	}
	mock_net_irqs(n);
	reg_write(n->m, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	mock_net_changes(n);
}

TEST_F(stall, invisible,
       .title = "D39 a stalled frame is invisible on both queues, then goes as if nothing had been")
{
	struct mock_net *n = device(&self->n, 10, 0);
	struct mock_frame f;
	uint16_t rx_used;

	exhaust(n, 10, 60);
	rx_used = mock_used_idx(&n->rx);
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_EQ(mock_used_idx(&n->rx), rx_used);
	EXPECT_EQ(mock_net_irqs(n), 0);
	EXPECT_EQ(mock_net_isr(n), 0);
	EXPECT_CHANGES("throttled_count+1 currently_throttled_gauge+1");
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC / 10);
	at(n, START + SEC / 10);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_EQ(mock_used_idx(&n->rx), (uint16_t)(rx_used + 1));
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_CHANGES("tx_packets+1 tx_bytes+60 rx_packets+1 rx_bytes+60 "
		       "currently_throttled_gauge-1");
	EXPECT_EQ(net_deadline_ns(n->net), 0);
}

TEST_F(stall, cursor_wraps, .title = "D40 the avail cursor goes back by one, from 0 to 65535")
{
	struct mock_net *n = device(&self->n, 0, 0);
	struct mock_frame f, next;

	for (int i = 0; i < 65534; i++) {
		f = mock_net_send(n, 20);
		mock_net_kick(n);
		ASSERT_TRUE(mock_net_sent(n, &f));
	}
	ASSERT_EQ(net_set_limits(n->net, &(struct throttle_limits){ .ops = { 1, 0 } }), 0);
	exhaust(n, 1, 20);
	f = mock_net_send(n, 20);
	next = mock_net_send(n, 20);
	ASSERT_EQ(n->tx.avail_idx, 1);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	at(n, START + SEC);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	at(n, START + 2 * SEC);
	EXPECT_TRUE(mock_net_sent(n, &next));
	EXPECT_EQ(n->counters.invalid_avail_idx_count, 0);
}

TEST_F(stall, fifo,
       .title = "D46 D47 a stalled head holds all behind it; what went before is signalled")
{
	struct mock_net *n = device(&self->n, 0, 1000);
	struct mock_frame f[4];

	f[0] = mock_net_send(n, 900);
	f[1] = mock_net_send(n, 600);
	f[2] = mock_net_send(n, 20); /* there would be tokens for it */
	f[3] = mock_net_send(n, 0);  /* and for this one, always */
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f[0]));
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_CHANGES("tx_packets+1 tx_bytes+900 rx_packets+1 rx_bytes+900 "
		       "throttled_count+1 currently_throttled_gauge+1");
	/* 500 of 600 are lacking, at 1000 a second. */
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC / 2);
	at(n, START + SEC / 2);
	EXPECT_TRUE(mock_net_sent(n, &f[1]));
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC / 2 + SEC / 50);
	at(n, START + SEC / 2 + SEC / 50);
	EXPECT_TRUE(mock_net_sent(n, &f[2]));
	EXPECT_TRUE(mock_net_sent(n, &f[3]));
}

TEST_F(stall, cost, .title = "D38 a frame costs one packet and its bytes, its header none")
{
	struct mock_net *n = device(&self->n, 3, 300);

	/* A dropped frame was sent all the same. */
	mock_net_start(n, NET_FEATURES, 256);
	exhaust(n, 3, 100);
	mock_net_send(n, 1);
	mock_net_kick(n);
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC / 3 + 1);
	EXPECT_CHANGES("throttled_count+1 currently_throttled_gauge+1");
}

TEST_F(stall, rejected, .title = "D35 what the gates reject never touches a bucket, full or empty")
{
	struct mock_net *n = device(&self->n, 2, 10000);
	const struct mock_piece bad = { MOCK_NET_SPARE, 11, false };
	struct throttle_state t;

	for (int i = 0; i < 5; i++) {
		mock_chain(&n->tx, &bad, 1);
		mock_net_send(n, 1515);
	}
	mock_net_kick(n);
	EXPECT_CHANGES("tx_chain_invalid+5 tx_oversize_dropped+5");
	net_limits(n->net, &t);
	EXPECT_EQ(t.ops, 2);
	EXPECT_EQ(t.bytes, 10000);
	mock_net_send(n, 1500);
	mock_net_send(n, 1500);
	for (int i = 0; i < 5; i++) {
		mock_chain(&n->tx, &bad, 1);
		mock_net_send(n, 1515);
	}
	mock_net_kick(n);
	net_limits(n->net, &t);
	EXPECT_EQ(t.ops, 0);
	EXPECT_EQ(t.bytes, 7000);
	EXPECT_CHANGES("tx_packets+2 tx_bytes+3000 rx_packets+2 rx_bytes+3000 "
		       "tx_chain_invalid+5 tx_oversize_dropped+5");
}

TEST_F(stall, counts_events,
       .title = "D41 D42 D104 throttled_count + 1 a stall, however often the worker looks again")
{
	struct mock_net *n = device(&self->n, 0, 100);

	/* 500 bytes, above the capacity: granted, 400 in debt, 5 s until 100 are there. */
	exhaust(n, 1, 500);
	mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_CHANGES("throttled_count+1 currently_throttled_gauge+1");
	for (uint64_t s = 1; s < 5; s++) {
		at(n, START + s * SEC);
		EXPECT_CHANGES("");
		EXPECT_EQ(net_deadline_ns(n->net), START + 5 * SEC);
	}
	at(n, START + 5 * SEC);
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_packets+1 rx_bytes+100 "
		       "currently_throttled_gauge-1");
}

TEST_F(stall, kicks_wait,
       .title = "D88 while the head is blocked kicks are consumed, and ask nothing")
{
	struct mock_net *n = device(&self->n, 1, 0);

	exhaust(n, 1, 60);
	mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_CHANGES("throttled_count+1 currently_throttled_gauge+1");
	for (int i = 0; i < 10; i++) {
		n->clock.now += SEC / 20;
		mock_net_send(n, 60);
		reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
		net_step(n->net);
	}
	EXPECT_CHANGES("");
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC);
}

TEST_F(stall, notifications, .title = "D45 notifications are on while it waits")
{
	struct mock_net *n = device(&self->n, 1, 0);

	exhaust(n, 1, 60);
	mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_EQ(mock_used_flags(&n->tx), 0);
}

TEST_F(stall, no_refill, .title = "D43 D97 a reset ends the stall, and doesn't refill the throttle")
{
	struct mock_net *n = device(&self->n, 1, 0);

	exhaust(n, 1, 60);
	mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_EQ(n->pressure.currently_throttled_gauge, 1);
	for (int i = 0; i < 5; i++) {
		mock_net_changes(n);
		mock_net_start(n, NET_FEATURES, 256);
		EXPECT_CHANGES("currently_throttled_gauge-1");
		mock_net_send(n, 60);
		mock_net_kick(n);
		EXPECT_CHANGES("throttled_count+1 currently_throttled_gauge+1");
		EXPECT_EQ(net_deadline_ns(n->net), START + SEC);
	}
}

TEST_F(stall, new_limits, .title = "new limits are looked at at once; bad ones change nothing")
{
	struct mock_net *n = device(&self->n, 1, 0);
	const struct throttle_limits bad = { .ops = { 10, 5 } };
	struct mock_frame f;
	struct throttle_state t;

	exhaust(n, 1, 60);
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_EQ(net_set_limits(n->net, &bad), -EINVAL);
	net_limits(n->net, &t);
	EXPECT_EQ(t.limits.ops.rate, 1);
	EXPECT_EQ(t.waiters, 1);
	EXPECT_EQ(net_set_limits(n->net, &(struct throttle_limits){ .ops = { 100, 0 } }), 0);
	net_step(n->net);
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC / 100);
	EXPECT_EQ(net_set_limits(n->net, &(struct throttle_limits){ 0 }), 0);
	net_step(n->net);
	EXPECT_TRUE(mock_net_sent(n, &f));
	/* Nobody stalled: nothing to look at again. */
	net_recheck(n->net);
	mock_net_send(n, 60);
	net_step(n->net);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
}

TEST_F(stall, head_changes,
       .title = "D43 a stalled head that the guest spoils, or takes away, ends the stall")
{
	struct mock_net *n = device(&self->n, 1, 0);
	struct mock_frame f;

	exhaust(n, 1, 60);
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	mock_net_changes(n);
	mock_desc(&n->tx, f.head, f.gpa, 11, 0, 0);
	at(n, START + SEC / 2);
	/* Not yet: the throttle is asked at its time. */
	EXPECT_CHANGES("");
	at(n, START + SEC);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_chain_invalid+1 currently_throttled_gauge-1");
	exhaust(n, 1, 60);
	mock_net_send(n, 60);
	mock_net_kick(n);
	mock_set_avail_idx(&n->tx, (uint16_t)(n->tx.avail_idx - 1));
	mock_net_changes(n);
	at(n, START + 2 * SEC);
	EXPECT_CHANGES("currently_throttled_gauge-1");
}

TEST_F(stall, poisoned, .title = "D43 a stalled queue whose ring breaks isn't stalled any more")
{
	struct mock_net *n = device(&self->n, 1, 0);

	exhaust(n, 1, 60);
	mock_net_send(n, 60);
	mock_net_kick(n);
	mock_set_avail_idx(&n->tx, (uint16_t)(n->tx.avail_idx + 500));
	mock_net_changes(n);
	at(n, START + SEC);
	EXPECT_CHANGES("invalid_avail_idx_count+1 currently_throttled_gauge-1");
	at(n, START + 10 * SEC);
	EXPECT_CHANGES("");
	EXPECT_EQ(net_deadline_ns(n->net), 0);
}

TEST_F(stall, shared, .title = "a throttle shared with somebody else is asked in turn")
{
	const struct throttle_limits limits = { .ops = { 1, 0 } };
	struct mock_net *n = &self->n;
	struct throttle t;
	const struct mock_net_opts opts = { .throttle = &t };
	struct throttle_verdict v;
	struct mock_frame f;

	ASSERT_EQ(throttle_init(&t, &limits, START), 0);
	ASSERT_EQ(mock_net_init(n, &opts), 0);
	mock_net_start(n, NET_FEATURES, 256);
	EXPECT_TRUE(throttle_ask(&t, 0, START, &v));
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_EQ(net_deadline_ns(n->net), START + SEC);
	/* The place in the line is its own: who comes later doesn't get the token. */
	EXPECT_FALSE(throttle_ask(&t, 0, START + SEC, &v));
	at(n, START + SEC);
	EXPECT_TRUE(mock_net_sent(n, &f));
	/* Nothing of it stays in the line when it goes. */
	mock_net_send(n, 60);
	mock_net_kick(n);
	reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_NULL(t.waiters);
	throttle_destroy(&t);
}

/* Over a long time the rate is exact, whenever it's asked. */
TEST_F(stall, long_run, .title = "D76 1000 packets a second are 1000, for any size of frame")
{
	struct mock_net *n = device(&self->n, 1000, 0);
	struct ss_net_counters c;
	uint64_t sent = 0;

	for (uint64_t t = START; t < START + 5 * SEC; t += 1700001) {
		n->clock.now = t;
		while (n->tx.avail_idx - mock_used_idx(&n->tx) < 8 && sent < 100000) {
			mock_net_send(n, (uint32_t)(sent++ % 1500));
			n->tx.used_idx = mock_used_idx(&n->tx);
		}
		mock_net_kick(n);
	}
	net_snapshot(n->net, &c);
	/* One second's worth from the full bucket. */
	EXPECT_GE(c.tx_packets, 5990);
	EXPECT_LE(c.tx_packets, 6000);
}

TEST_HARNESS_MAIN
