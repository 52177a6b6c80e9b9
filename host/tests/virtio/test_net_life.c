// SPDX-License-Identifier: GPL-2.0-only
/* A network device's life by hand: resets, pauses, late memory, dumps. N8, D90 to D98. */
#include "ss_harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mock_net.h"
#include "virtio/net_dump.h"

#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define SEC	  IO_NSEC_PER_SEC
#define START	  MOCK_NET_START
#define RUNNING	  0xf

FIXTURE(life)
{
	struct mock_net n;
	struct net_dump d;
};

FIXTURE_SETUP(life)
{
	const struct mock_net_opts opts = { .limits = { .ops = { 4, 0 } } };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
	EXPECT_EQ(self->n.pressure.currently_throttled_gauge, 0);
}

#define EXPECT_CHANGES(text_) EXPECT_STREQ(mock_net_changes(&self->n), text_)

/* One frame there and back, by a driver that has just started. */
static void expect_works(struct mock_net *n)
{
	struct mock_buf b = mock_net_give(n);
	struct mock_frame f = mock_net_send(n, 333);

	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

/* --- resets --- */

TEST_F(life, counters_survive, .title = "N8 a reset leaves all thirteen counters as they are")
{
	struct mock_net *n = &self->n;
	struct ss_net_counters c;
	uint64_t word[13];

	EXPECT_EQ(sizeof(c), sizeof(word));
	for (unsigned int i = 0; i < 13; i++)
		((__u64 *)&n->counters)[i] = 1000 + i;
	mock_net_start(n, NET_FEATURES, 256);
	reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	mock_net_start(n, NET_FEATURES, 256);
	net_snapshot(n->net, &c);
	memcpy(word, &c, sizeof(word));
	for (unsigned int i = 0; i < 13; i++)
		EXPECT_EQ(word[i], 1000 + i);
	mock_net_changes(n);
	expect_works(n);
	EXPECT_CHANGES("tx_packets+1 tx_bytes+333 rx_packets+1 rx_bytes+333");
}

TEST_F(life, poison_doesnt, .title = "N8 a reset clears poison of either queue")
{
	struct mock_net *n = &self->n;

	for (int i = 0; i < 2; i++) {
		mock_net_start(n, NET_FEATURES, 256);
		mock_set_avail_idx(i ? &n->tx : &n->rx, 1000);
		mock_net_send(n, 60);
		mock_net_kick(n);
		EXPECT_EQ(mock_net_status(n), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
		reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
		EXPECT_EQ(mock_net_status(n), 0);
		EXPECT_EQ(mock_net_isr(n), 0);
		EXPECT_EQ(mock_net_irqs(n), 0);
		mock_net_start(n, NET_FEATURES, 256);
		expect_works(n);
		EXPECT_EQ(mock_net_status(n), RUNNING);
	}
	EXPECT_EQ(n->counters.invalid_avail_idx_count, 2);
}

TEST_F(life, reset,
       .title = "D95 D96 D98 a reset ends all work; the next DRIVER_OK starts at index 0")
{
	struct mock_net *n = &self->n;
	uint32_t generation;

	mock_net_start(n, NET_FEATURES, 256);
	expect_works(n);
	generation = reg_read(n->m, VIRTIO_MMIO_CONFIG_GENERATION);
	mock_net_send(n, 60);
	reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
	reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_EQ(net_step(n->net), -ECANCELED);
	net_drain_queue(n->net);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_EQ(reg_read(n->m, VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
	for (int i = 0; i < 100; i++)
		reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	mock_net_start(n, NET_FEATURES | EVENT_IDX, 16);
	expect_works(n);
}

TEST_F(life, reset_while_stalled,
       .title = "D43 D96 a reset in a stall: the frame is gone, and counts as nothing")
{
	struct mock_net *n = &self->n;

	mock_net_start(n, NET_FEATURES, 256);
	for (int i = 0; i < 5; i++)
		mock_net_send(n, 10);
	mock_net_kick(n);
	EXPECT_CHANGES("tx_packets+4 tx_bytes+40 tx_dropped_no_rx_buffer+4 throttled_count+1 "
		       "currently_throttled_gauge+1");
	reg_write(n->m, VIRTIO_MMIO_STATUS, 0);
	EXPECT_CHANGES("currently_throttled_gauge-1");
	EXPECT_EQ(net_deadline_ns(n->net), 0);
	n->clock.now += SEC;
	mock_net_start(n, NET_FEATURES, 256);
	expect_works(n);
}

/* --- pauses --- */

TEST_F(life, pause, .title = "D90 D91 paused, neither ring is touched; the kick is served after")
{
	struct mock_net *n = &self->n;
	uint8_t before[0x8000];
	struct mock_frame f;
	struct mock_buf b;

	EXPECT_EQ(net_pause(n->net, 0), 0);
	mock_net_start(n, NET_FEATURES, 256);
	b = mock_net_give(n);
	f = mock_net_send(n, 60);
	memcpy(before, mock_ptr(&n->g, GUEST_RINGS, 0x8000), 0x8000);
	mock_net_kick(n);
	EXPECT_MEMEQ(before, mock_ptr(&n->g, GUEST_RINGS, 0x8000), 0x8000);
	net_resume(n->net);
	net_step(n->net);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

TEST_F(life, pause_while_stalled,
       .title = "D90 paused while stalled: no try until resumed, then at once if due")
{
	struct mock_net *n = &self->n;

	mock_net_start(n, NET_FEATURES, 256);
	for (int i = 0; i < 5; i++)
		mock_net_send(n, 10);
	mock_net_kick(n);
	EXPECT_EQ(net_pause(n->net, 0), 0);
	n->clock.now += SEC;
	net_step(n->net);
	EXPECT_EQ(mock_used_idx(&n->tx), 4);
	net_resume(n->net);
	net_step(n->net);
	EXPECT_EQ(mock_used_idx(&n->tx), 5);
	EXPECT_EQ(n->pressure.throttled_count, 1);
}

TEST_F(life, reset_while_paused,
       .title = "D90 D98 a reset and a new driver while paused: parked until resumed")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;

	mock_net_start(n, NET_FEATURES, 256);
	EXPECT_EQ(net_pause(n->net, 0), 0);
	mock_net_start(n, NET_FEATURES, 256);
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	net_resume(n->net);
	net_step(n->net);
	EXPECT_TRUE(mock_net_sent(n, &f));
}

/* --- memory that comes late --- */

TEST_F(life, late_memory,
       .title = "D92 a kick before guest memory is wired is dropped, and warned of once")
{
	struct mock_net *n = &self->n;
	char path[512], text[512] = "";
	struct mock_frame f;
	struct mock_buf b;
	FILE *log;

	virtio_mmio_set_mem(n->m, NULL);
	mock_net_start(n, NET_FEATURES, 256);
	b = mock_net_give(n);
	f = mock_net_send(n, 60);
	snprintf(path, sizeof(path), "%s/log", ss_tmpdir());
	log = freopen(path, "w+", stderr);
	ASSERT_NOT_NULL(log);
	for (int i = 0; i < 3; i++)
		mock_net_kick(n);
	rewind(log);
	ASSERT_LT(0, fread(text, 1, sizeof(text) - 1, log));
	EXPECT_STRSTR(text, "net2: a kick before there is guest memory");
	EXPECT_EQ(strchr(text, '\n') - text, (long)strlen(text) - 1);
	EXPECT_TRUE(mock_net_nothing(&n->tx));
	EXPECT_CHANGES("");
	virtio_mmio_set_mem(n->m, &n->g.mem);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

/* --- dumps --- */

static struct net_dump *dump(struct ss_fx_life *self)
{
	const bool paused = !net_pause(self->n.net, SEC);

	EXPECT_TRUE(paused);
	net_dump(self->n.net, paused, &self->d);
	net_resume(self->n.net);
	return &self->d;
}

TEST_F(life, dump_untouched, .title = "a dump of a device that no driver has touched")
{
	const struct net_dump *d = dump(self);

	EXPECT_TRUE(d->dev.consistent);
	EXPECT_EQ(d->dev.status, 0);
	EXPECT_EQ(d->dev.at_ns, START);
	EXPECT_EQ(d->mtu, 1500);
	EXPECT_MEMEQ(d->mac, net_mac(self->n.net), NET_MAC_LEN);
	EXPECT_EQ(d->throttle.limits.ops.rate, 4);
	for (int q = 0; q < 2; q++) {
		EXPECT_FALSE(d->queue[q].ready);
		EXPECT_FALSE(d->queue[q].mapped);
		EXPECT_EQ(d->queue[q].worker, 0);
	}
}

TEST_F(life, dump_stalled,
       .title = "a dump shows both rings, the stall of TX, counters and balances")
{
	struct mock_net *n = &self->n;
	const struct net_dump *d;
	struct mock_frame f;

	mock_net_start(n, NET_FEATURES | EVENT_IDX, 128);
	for (int i = 0; i < 7; i++)
		mock_net_give(n);
	for (int i = 0; i < 4; i++)
		mock_net_send(n, 60);
	f = mock_net_send(n, 60);
	mock_net_send(n, 60);
	n->clock.now += SEC / 10;
	mock_net_kick(n);
	n->clock.now += SEC / 100;
	d = dump(self);
	EXPECT_EQ(d->dev.status, RUNNING);
	EXPECT_EQ(d->dev.features, NET_FEATURES | EVENT_IDX);
	EXPECT_EQ(d->dev.interrupt_status, VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(d->counters.rx_packets, 4);
	EXPECT_EQ(d->pressure.throttled_count, 1);
	EXPECT_EQ(d->pressure.currently_throttled_gauge, 1);
	EXPECT_EQ(d->throttle.waiters, 1);
	EXPECT_EQ(d->throttle.ops, 0);
	EXPECT_EQ(d->queue[NET_TX].size, 128);
	EXPECT_EQ(d->queue[NET_TX].stalled_since_ns, START + SEC / 10);
	EXPECT_EQ(d->queue[NET_TX].stall_head, f.head);
	EXPECT_EQ(d->queue[NET_TX].deadline_ns, START + SEC / 10 + SEC / 4);
	EXPECT_EQ(d->queue[NET_TX].next_avail, 4);
	EXPECT_EQ(d->queue[NET_TX].avail_idx, 6);
	EXPECT_EQ(d->queue[NET_TX].used_idx, 4);
	EXPECT_EQ(d->queue[NET_RX].stalled_since_ns, 0);
	EXPECT_TRUE(d->queue[NET_RX].mapped);
	EXPECT_EQ(d->queue[NET_RX].next_avail, 4);
	EXPECT_EQ(d->queue[NET_RX].avail_idx, 7);
	EXPECT_EQ(d->queue[NET_RX].used_idx, 4);
}

TEST_F(life, dump_poisoned, .title = "a dump says of each queue why it is poisoned")
{
	struct mock_net *n = &self->n;
	const struct net_dump *d;

	mock_net_start(n, NET_FEATURES, 256);
	mock_set_avail_idx(&n->rx, 1000);
	mock_net_send(n, 60);
	mock_net_kick(n);
	d = dump(self);
	EXPECT_STRSTR(d->queue[NET_RX].poison, "available index");
	EXPECT_NULL(d->queue[NET_TX].poison);
}

TEST_F(life, dump_running, .title = "without a pause a dump has figures, but no rings")
{
	struct mock_net *n = &self->n;

	mock_net_start(n, NET_FEATURES, 256);
	expect_works(n);
	net_dump(n->net, false, &self->d);
	EXPECT_FALSE(self->d.dev.consistent);
	EXPECT_EQ(self->d.counters.rx_packets, 1);
	EXPECT_FALSE(self->d.queue[NET_TX].ready);
	EXPECT_FALSE(self->d.queue[NET_TX].mapped);
}

TEST_HARNESS_MAIN
