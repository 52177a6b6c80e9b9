// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that writes what it likes where it likes, on both queues: by seed, and
 * from another thread while the worker works. The sanitizers are the main
 * judges; that no frame is unaccounted for is checked besides.
 */
#include "ss_harness.h"

#include <string.h>

#include "mock_hostile.h"
#include "mock_net.h"
#include "virtio/net_dump.h"

#define RUNNING	 0xf
#define POISONED (RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET)
#define ALL_FEATURES                                                                               \
	(NET_FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX) | FEAT(VIRTIO_RING_F_INDIRECT_DESC))

static uint32_t any_len(void)
{
	switch (pick(8)) {
	case 0:
		return (uint32_t)rnd();
	case 1:
	case 2:
		return (uint32_t)pick(40);
	default:
		return (uint32_t)pick(1600);
	}
}

/* How many chains the device has taken from TX. */
static uint16_t tx_cursor(struct mock_net *n)
{
	struct net_dump d;

	net_pause(n->net, 0);
	net_dump(n->net, true, &d);
	net_resume(n->net);
	return d.queue[NET_TX].next_avail;
}

/* Chains that nearly are right get further into the device. */
static void half_right(struct mock_queue *q, bool write)
{
	for (uint64_t i = 1 + pick(8); i; i--) {
		struct mock_piece piece[6];
		const unsigned int nr = 1 + (unsigned int)pick(6);

		for (unsigned int p = 0; p < nr; p++)
			piece[p] = (struct mock_piece){ any_addr(), any_len(),
							pick(16) ? write : !write };
		mock_chain(q, piece, nr);
	}
}

/* After all of it, the device still works for a driver that resets it. */
static void expect_works(struct mock_net *n)
{
	struct mock_frame f;
	struct mock_buf b;

	mock_net_start(n, NET_FEATURES, 256);
	mock_net_irqs(n);
	b = mock_net_give(n);
	f = mock_net_send(n, 99);
	mock_net_kick(n);
	/* A throttle's debts may be long; they end. */
	if (net_deadline_ns(n->net)) {
		n->clock.now = net_deadline_ns(n->net);
		net_step(n->net);
	}
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_EQ(n->pressure.currently_throttled_gauge, 0);
}

static uint64_t tx_sum(const struct ss_net_counters *c)
{
	return c->tx_packets + c->tx_chain_invalid + c->tx_oversize_dropped +
	       c->tx_add_used_failures;
}

static uint64_t rx_sum(const struct ss_net_counters *c)
{
	return c->rx_packets + c->tx_dropped_no_rx_buffer + c->tx_dropped_rx_poisoned +
	       c->rx_chain_invalid + c->rx_write_failed + c->rx_add_used_failures;
}

/* What must hold whatever the guest did; see struct ss_net_counters. */
static bool accounted(const struct ss_net_counters *b, const struct ss_net_counters *a,
		      uint64_t taken)
{
	const uint64_t accepted = rx_sum(a) - rx_sum(b), sent = a->tx_packets - b->tx_packets;

	if (tx_sum(a) - tx_sum(b) != taken || accepted < sent ||
	    accepted > sent + (a->tx_add_used_failures - b->tx_add_used_failures) ||
	    a->invalid_avail_idx_count - b->invalid_avail_idx_count > NET_NR_QUEUES) {
		TH_LOG("%llu chains taken, %llu counted; %llu sent, %llu accounted for",
		       (unsigned long long)taken, (unsigned long long)(tx_sum(a) - tx_sum(b)),
		       (unsigned long long)sent, (unsigned long long)accepted);
		return false;
	}
	return true;
}

/* A driver that puts its rings anywhere, now and then. */
static void start_anyhow(struct mock_net *n)
{
	const uint16_t size = (uint16_t)(1u << pick(9));
	struct mock_queue rx, tx;

	mock_negotiate(n->m, pick(2) ? ALL_FEATURES : NET_FEATURES);
	mock_queue_init(&n->rx, &n->g, NET_RX, size);
	mock_queue_init(&n->tx, &n->g, NET_TX, size);
	rx = n->rx;
	tx = n->tx;
	if (!pick(8))
		*(pick(2) ? &rx.used : &tx.used) = any_addr() & ~3ULL;
	if (!pick(16))
		*(pick(2) ? &rx.avail : &tx.avail) = any_addr() & ~1ULL;
	if (!pick(16))
		*(pick(2) ? &rx.desc : &tx.desc) = any_addr() & ~15ULL;
	if (pick(16))
		mock_setup_queue(n->m, &rx);
	mock_setup_queue(n->m, &tx);
	mock_driver_ok(n->m);
}

static void hostile_runs(const struct mock_net_opts *opts, uint64_t seeds, bool nearly)
{
	struct mock_net n;

	ASSERT_EQ(mock_net_init(&n, opts), 0);
	for (uint64_t nr = 1; nr <= seeds; nr++) {
		struct ss_net_counters before, after;
		uint64_t taken = 0;
		uint16_t cursor = 0;

		seed(nr);
		start_anyhow(&n);
		net_snapshot(n.net, &before);
		for (int round = 0; round < 6; round++) {
			if (nearly && n.tx.size >= 64) {
				half_right(&n.tx, false);
				half_right(&n.rx, true);
			} else {
				scribble_ring(&n.tx, any_len);
				scribble_ring(&n.rx, any_len);
			}
			reg_write(n.m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
			for (int turn = 0; turn < 2; turn++) {
				/* Not more than a ring a turn, or the cursor goes round. */
				net_step(n.net);
				taken += (uint16_t)(tx_cursor(&n) - cursor);
				cursor = tx_cursor(&n);
				n.clock.now += pick(IO_NSEC_PER_SEC);
			}
		}
		net_snapshot(n.net, &after);
		ASSERT_TRUE(accounted(&before, &after, taken))
		{
			TH_LOG("seed %llu", (unsigned long long)nr);
		}
		ASSERT_EQ(mock_net_status(&n),
			  after.invalid_avail_idx_count > before.invalid_avail_idx_count ? POISONED
											 : RUNNING);
		ASSERT_LE(n.pressure.currently_throttled_gauge, 1);
		if (!(nr % 64))
			expect_works(&n);
	}
	expect_works(&n);
	EXPECT_EQ(mock_net_free(&n), 0);
}

TEST(garbage,
     .title = "N4 to N7 garbage in both rings, 1500 seeds: no crash, no spin, all accounted for",
     .timeout_s = 120)
{
	const struct mock_net_opts opts = { 0 };

	hostile_runs(&opts, 1500, false);
}

TEST(nearly_right, .title = "N4 to N7 chains that are nearly right, 1500 seeds", .timeout_s = 120)
{
	const struct mock_net_opts opts = { 0 };

	hostile_runs(&opts, 1500, true);
}

TEST(throttled, .title = "D39 garbage in front of a throttle, 800 seeds", .timeout_s = 120)
{
	const struct mock_net_opts opts = { .limits = { .ops = { 1, 0 }, .bytes = { 600, 0 } } };

	hostile_runs(&opts, 400, false);
	hostile_runs(&opts, 400, true);
}

static void step(void *ctx)
{
	const struct mock_net *n = ctx;

	net_step(n->net);
}

TEST(registers, .title = "N2 garbage in the registers, 20000 accesses", .timeout_s = 120)
{
	const struct mock_net_opts opts = { 0 };
	struct mock_net n;

	ASSERT_EQ(mock_net_init(&n, &opts), 0);
	hostile_registers(n.m, step, &n);
	expect_works(&n);
	EXPECT_EQ(mock_net_free(&n), 0);
}

TEST(changing_memory, .title = "N4 descriptors of both queues that change while they're read",
     .timeout_s = 120)
{
	const struct mock_net_opts opts = { .threads = true };
	struct mock_net n;
	struct scribbler s = {
		.g = &n.g,
		/* Both descriptor tables. */
		.at = { GUEST_RINGS, GUEST_RINGS + 0x4000 },
		.len = { 0x1000, 0x1000 },
	};

	if (RACES_ARE_FATAL)
		SKIP("a guest that races is what this test is about");
	ASSERT_EQ(mock_net_init(&n, &opts), 0);
	mock_net_start(&n, ALL_FEATURES, 256);
	ASSERT_EQ(scribbler_start(&s), 0);
	for (int i = 0; i < 300; i++) {
		if (mock_net_status(&n) != RUNNING)
			mock_net_start(&n, ALL_FEATURES, 256);
		for (int k = 0; k < 40; k++) {
			mock_net_give(&n);
			mock_net_send(&n, 1000);
		}
		reg_write(n.m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
		/* Until it has worked through them, or given up. */
		while (mock_wait_fd(virtio_mmio_irq_fd(n.m), 2))
			mock_net_irqs(&n);
	}
	scribbler_stop(&s);
	reg_write(n.m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(mock_net_status(&n), 0);
	EXPECT_EQ(mock_net_free(&n), 0);
}

TEST_HARNESS_MAIN
