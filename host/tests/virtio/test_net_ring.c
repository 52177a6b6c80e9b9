// SPDX-License-Identifier: GPL-2.0-only
/* Broken rings on either queue while the other goes on, and who is signalled when: N5, N7, N8. */
#include "ss_harness.h"

#include <stdio.h>
#include <string.h>

#include "mock_net.h"

#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define RUNNING	  0xf
#define POISONED  (RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET)

FIXTURE(ring)
{
	struct mock_net n;
};

FIXTURE_SETUP(ring)
{
	const struct mock_net_opts opts = { 0 };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
	mock_net_start(&self->n, NET_FEATURES, 256);
}

FIXTURE_TEARDOWN(ring)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

#define EXPECT_CHANGES(text_) EXPECT_STREQ(mock_net_changes(&self->n), text_)

/* --- the bracket --- */

TEST_F(ring, notifications, .title = "N1 TX asks for kicks between drains; RX never does")
{
	struct mock_net *n = &self->n;

	EXPECT_EQ(mock_used_flags(&n->rx), 0);
	mock_net_kick(n);
	EXPECT_EQ(mock_used_flags(&n->tx), 0);
	EXPECT_EQ(mock_used_flags(&n->rx), VRING_USED_F_NO_NOTIFY);
	mock_net_start(n, NET_FEATURES | EVENT_IDX, 256);
	for (int i = 0; i < 3; i++)
		mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_EQ(mock_avail_event(&n->tx), 3);
	EXPECT_EQ(mock_avail_event(&n->rx), 0);
	EXPECT_EQ(mock_used_flags(&n->rx), 0);
}

/* --- ways to break a ring --- */

struct fault {
	const char *name;
	void (*make)(struct mock_net *n, struct mock_queue *q);
};

static void far_ahead(struct mock_net *n, struct mock_queue *q)
{
	(void)n;
	mock_set_avail_idx(q, (uint16_t)(q->avail_idx + q->size + 1));
}

static void head_outside(struct mock_net *n, struct mock_queue *q)
{
	(void)n;
	mock_avail(q, q->size);
}

static void next_outside(struct mock_net *n, struct mock_queue *q)
{
	(void)n;
	mock_desc(q, 200, MOCK_NET_SPARE, 12, VRING_DESC_F_NEXT, 0xffff);
	mock_avail(q, 200);
}

static void loop(struct mock_net *n, struct mock_queue *q)
{
	(void)n;
	mock_desc(q, 200, MOCK_NET_SPARE, 12, VRING_DESC_F_NEXT, 201);
	mock_desc(q, 201, MOCK_NET_SPARE, 12, VRING_DESC_F_NEXT, 200);
	mock_avail(q, 200);
}

static void not_negotiated(struct mock_net *n, struct mock_queue *q)
{
	(void)n;
	mock_desc(q, 200, MOCK_NET_SPARE, 16, VRING_DESC_F_INDIRECT, 0);
	mock_avail(q, 200);
}

static const struct fault faults[] = {
	{ "avail.idx far ahead", far_ahead },
	{ "a head outside the table", head_outside },
	{ "a next outside the table", next_outside },
	{ "a loop", loop },
	{ "indirect, not negotiated", not_negotiated },
};

#define NR_FAULTS (sizeof(faults) / sizeof(faults[0]))

/* All of a queue's rings. */
static void copy_rings(struct mock_queue *q, uint8_t *to)
{
	memcpy(to, mock_ptr(q->g, q->desc, 0x4000), 0x4000);
}

TEST_F(ring, tx_poisoned,
       .title = "N7 N8 a broken TX ring: counted and signalled once, then never touched; RX whole")
{
	struct mock_net *n = &self->n;
	uint8_t before[0x4000], after[0x4000], rx_before[0x4000];

	for (unsigned int i = 0; i < NR_FAULTS; i++) {
		mock_net_start(n, NET_FEATURES, 256);
		mock_net_irqs(n);
		mock_net_changes(n);
		mock_net_give(n);
		faults[i].make(n, &n->tx);
		mock_net_kick(n);
		EXPECT_STREQ(mock_net_changes(n), "invalid_avail_idx_count+1")
		{
			TH_LOG("%s", faults[i].name);
		}
		EXPECT_EQ(mock_net_irqs(n), 1);
		EXPECT_EQ(mock_net_isr(n), VIRTIO_MMIO_INT_CONFIG);
		EXPECT_EQ(mock_net_status(n), POISONED);
		copy_rings(&n->tx, before);
		copy_rings(&n->rx, rx_before);
		mock_net_give(n);
		copy_rings(&n->rx, rx_before);
		for (int k = 0; k < 3; k++)
			mock_net_kick(n);
		copy_rings(&n->tx, after);
		EXPECT_MEMEQ(before, after, sizeof(before));
		copy_rings(&n->rx, after);
		EXPECT_MEMEQ(rx_before, after, sizeof(after));
		EXPECT_CHANGES("");
		EXPECT_EQ(mock_net_irqs(n), 0);
	}
}

TEST_F(ring, tx_poisoned_late,
       .title = "N8 what was published before TX broke has its signal, then poison has one")
{
	struct mock_net *n = &self->n;
	struct mock_buf b = mock_net_give(n);
	struct mock_frame f = mock_net_send(n, 100);

	loop(n, &n->tx);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_packets+1 rx_bytes+100 "
		       "invalid_avail_idx_count+1");
	EXPECT_EQ(mock_net_irqs(n), 2);
	EXPECT_EQ(mock_net_isr(n), VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
}

TEST_F(ring, rx_poisoned,
       .title = "N5 N7 a broken RX ring, now and then earlier: frames are dropped, TX goes on")
{
	struct mock_net *n = &self->n;
	uint8_t before[0x4000], after[0x4000];

	for (unsigned int i = 0; i < NR_FAULTS; i++) {
		struct mock_frame f[3];

		mock_net_start(n, NET_FEATURES, 256);
		mock_net_irqs(n);
		mock_net_changes(n);
		/* So that the ring is in its final state but for what breaks it. */
		mock_net_kick(n);
		faults[i].make(n, &n->rx);
		copy_rings(&n->rx, before);
		f[0] = mock_net_send(n, 100);
		f[1] = mock_net_send(n, 50);
		mock_net_kick(n);
		EXPECT_STREQ(mock_net_changes(n), "tx_packets+2 tx_bytes+150 "
						  "tx_dropped_rx_poisoned+2 "
						  "invalid_avail_idx_count+1")
		{
			TH_LOG("%s", faults[i].name);
		}
		EXPECT_EQ(mock_net_irqs(n), 2);
		EXPECT_EQ(mock_net_isr(n), VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
		EXPECT_EQ(mock_net_status(n), POISONED);
		/* Earlier, now: no more of it but the drop, and the usual signal. */
		f[2] = mock_net_send(n, 70);
		mock_net_kick(n);
		EXPECT_CHANGES("tx_packets+1 tx_bytes+70 tx_dropped_rx_poisoned+1");
		EXPECT_EQ(mock_net_irqs(n), 1);
		for (int k = 0; k < 3; k++)
			EXPECT_TRUE(mock_net_sent(n, &f[k]));
		copy_rings(&n->rx, after);
		EXPECT_MEMEQ(before, after, sizeof(before));
	}
}

TEST_F(ring, rx_poisoned_late,
       .title = "N5 frames delivered before RX broke stay delivered and are signalled")
{
	struct mock_net *n = &self->n;
	struct mock_buf b = mock_net_give(n);
	struct mock_frame f[2];

	loop(n, &n->rx);
	f[0] = mock_net_send(n, 100);
	f[1] = mock_net_send(n, 50);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f[0]));
	EXPECT_TRUE(mock_net_nothing(&n->rx));
	EXPECT_TRUE(mock_net_sent(n, &f[0]));
	EXPECT_TRUE(mock_net_sent(n, &f[1]));
	EXPECT_CHANGES("tx_packets+2 tx_bytes+150 rx_packets+1 rx_bytes+100 "
		       "tx_dropped_rx_poisoned+1 invalid_avail_idx_count+1");
	EXPECT_EQ(mock_net_irqs(n), 2);
}

TEST_F(ring, both_poisoned,
       .title = "N7 N8 both rings break in one drain: each is counted, the signal is one")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;

	loop(n, &n->rx);
	f = mock_net_send(n, 100);
	loop(n, &n->tx);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 tx_dropped_rx_poisoned+1 "
		       "invalid_avail_idx_count+2");
	EXPECT_EQ(mock_net_irqs(n), 2);
	EXPECT_EQ(mock_net_status(n), POISONED);
}

TEST_F(ring, tx_first,
       .title = "N7 TX breaks, later RX can't: nothing reaches it; both are whole after a reset")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;
	struct mock_buf b;

	far_ahead(n, &n->tx);
	far_ahead(n, &n->rx);
	mock_net_kick(n);
	mock_net_kick(n);
	EXPECT_CHANGES("invalid_avail_idx_count+1");
	mock_net_start(n, NET_FEATURES, 256);
	b = mock_net_give(n);
	f = mock_net_send(n, 60);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_EQ(mock_net_status(n), RUNNING);
}

/* Rings that lie where no memory is show it when they're first looked at. */
static void start_unmapped(struct mock_net *n, struct mock_queue *q)
{
	mock_negotiate(n->m, NET_FEATURES);
	mock_queue_init(&n->rx, &n->g, NET_RX, 256);
	mock_queue_init(&n->tx, &n->g, NET_TX, 256);
	q->avail = GUEST_HOLE;
	mock_setup_queue(n->m, &n->rx);
	mock_setup_queue(n->m, &n->tx);
	mock_driver_ok(n->m);
}

TEST_F(ring, unmapped, .title = "N7 an available ring that isn't mapped breaks its queue")
{
	struct mock_net *n = &self->n;
	struct mock_frame f;

	start_unmapped(n, &n->tx);
	mock_net_kick(n);
	EXPECT_CHANGES("invalid_avail_idx_count+1");
	EXPECT_EQ(mock_net_irqs(n), 1);
	start_unmapped(n, &n->rx);
	mock_net_irqs(n);
	f = mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 tx_dropped_rx_poisoned+1 "
		       "invalid_avail_idx_count+1");
}

TEST_F(ring, log, .title = "N8 a guest that breaks its rings for ever can't fill the log")
{
	struct mock_net *n = &self->n;
	char path[512], text[8192] = "";
	unsigned int lines = 0;
	FILE *log;

	snprintf(path, sizeof(path), "%s/log", ss_tmpdir());
	log = freopen(path, "w+", stderr);
	ASSERT_NOT_NULL(log);
	for (int i = 0; i < 50; i++) {
		mock_net_start(n, NET_FEATURES, 256);
		loop(n, i % 2 ? &n->tx : &n->rx);
		mock_net_send(n, 60);
		mock_net_kick(n);
		mock_net_kick(n);
	}
	rewind(log);
	ASSERT_LT(0, fread(text, 1, sizeof(text) - 1, log));
	EXPECT_STRSTR(text, "net2: queue 0: loop in a descriptor chain");
	EXPECT_STRSTR(text, "net2: queue 1: loop in a descriptor chain");
	EXPECT_STRSTR(text, "further ones are counted only");
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	EXPECT_EQ(lines, 8);
	EXPECT_EQ(n->counters.invalid_avail_idx_count, 50);
}

/* --- interrupts --- */

TEST_F(ring, event_idx,
       .title =
	       "N8 EVENT_IDX on either queue decides; the bit is set in any case; one write at most")
{
	struct mock_net *n = &self->n;

	for (unsigned int wants = 0; wants < 4; wants++) {
		mock_net_start(n, NET_FEATURES | EVENT_IDX, 256);
		mock_net_irqs(n);
		/* Two elements on each queue: event 1 is crossed, event 2 isn't. */
		mock_set_used_event(&n->rx, wants & 1 ? 1 : 2);
		mock_set_used_event(&n->tx, wants & 2 ? 1 : 2);
		for (int i = 0; i < 2; i++) {
			mock_net_give(n);
			mock_net_send(n, 60);
		}
		mock_net_kick(n);
		EXPECT_EQ(mock_net_irqs(n), wants != 0);
		EXPECT_EQ(mock_net_isr(n), VIRTIO_MMIO_INT_VRING);
	}
}

TEST_F(ring, event_idx_later,
       .title = "N8 an event that one drain hasn't reached is reached by the next")
{
	struct mock_net *n = &self->n;

	mock_net_start(n, NET_FEATURES | EVENT_IDX, 256);
	mock_set_used_event(&n->rx, 3);
	mock_set_used_event(&n->tx, 1000);
	for (int i = 0; i < 6; i++) {
		mock_net_irqs(n);
		mock_net_give(n);
		mock_net_send(n, 60);
		mock_net_kick(n);
		EXPECT_EQ(mock_net_irqs(n), i == 3);
	}
}

TEST_F(ring, no_work, .title = "N8 a kick without frames signals nothing")
{
	struct mock_net *n = &self->n;

	mock_net_give(n);
	mock_net_kick(n);
	EXPECT_EQ(mock_net_irqs(n), 0);
	EXPECT_EQ(mock_net_isr(n), 0);
	EXPECT_CHANGES("");
}

TEST_HARNESS_MAIN
