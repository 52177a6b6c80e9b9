// SPDX-License-Identifier: GPL-2.0-only
/* Frames through the loopback, and every way they can end: N1, N3 to N7. */
#include "ss_harness.h"

#include <stdio.h>
#include <string.h>

#include "mock_net.h"

#define EVENT_IDX FEAT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  FEAT(VIRTIO_RING_F_INDIRECT_DESC)

FIXTURE(loop)
{
	struct mock_net n;
};

FIXTURE_SETUP(loop)
{
	const struct mock_net_opts opts = { 0 };

	ASSERT_EQ(mock_net_init(&self->n, &opts), 0);
	mock_net_start(&self->n, NET_FEATURES | INDIRECT, 256);
}

FIXTURE_TEARDOWN(loop)
{
	EXPECT_EQ(mock_net_free(&self->n), 0);
}

/* Exactly these counters moved, and so. */
#define EXPECT_CHANGES(text_) EXPECT_STREQ(mock_net_changes(&self->n), text_)

/* --- frames that come back --- */

TEST_F(loop, one_frame, .title = "N1 N3 a frame comes back unchanged, its header 0 but num_buffers")
{
	struct mock_net *n = &self->n;
	struct mock_buf b = mock_net_give(n);
	struct mock_frame f = mock_net_send(n, 100);

	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_packets+1 rx_bytes+100");
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_EQ(mock_net_isr(n), VIRTIO_MMIO_INT_VRING);
}

TEST_F(loop, every_length, .title = "N1 N3 frames of all lengths up to the MTU's")
{
	struct mock_net *n = &self->n;
	struct ss_net_counters c;

	for (uint32_t len = 0; len <= NET_MTU + NET_ETH_HLEN; len++) {
		struct mock_buf b = mock_net_give(n);
		struct mock_frame f = mock_net_send(n, len);

		mock_net_kick(n);
		ASSERT_TRUE(mock_net_got(n, &b, &f));
		ASSERT_TRUE(mock_net_sent(n, &f));
	}
	net_snapshot(n->net, &c);
	EXPECT_EQ(c.rx_packets, 1515);
	EXPECT_EQ(c.tx_packets, 1515);
	EXPECT_EQ(c.rx_bytes, 1514ULL * 1515 / 2);
	EXPECT_EQ(c.tx_bytes, c.rx_bytes);
}

TEST_F(loop, many, .title = "N1 a full ring in one kick, in order, with one signal")
{
	struct mock_net *n = &self->n;
	struct mock_frame f[256];
	struct mock_buf b[256];

	for (unsigned int i = 0; i < 256; i++) {
		b[i] = mock_net_give(n);
		f[i] = mock_net_send(n, 60 + i);
	}
	mock_net_kick(n);
	for (unsigned int i = 0; i < 256; i++) {
		ASSERT_TRUE(mock_net_got(n, &b[i], &f[i]));
		ASSERT_TRUE(mock_net_sent(n, &f[i]));
	}
	EXPECT_EQ(mock_net_irqs(n), 1);
}

/* Where a chain may be cut: in the header, at its end, behind it, all over. */
static const uint32_t cuts[][8] = {
	{ 0 },		 { 12, 0 },	      { 1, 0 },	      { 11, 0 },
	{ 13, 0 },	 { 5, 7, 0 },	      { 5, 6, 2, 0 }, { 1, 1, 1, 1, 1, 1, 1, 0 },
	{ 12, 1, 1, 0 }, { 6, 6, 30, 40, 0 }, { 3, 20, 0 },   { 60, 0 },
};

#define NR_CUTS (sizeof(cuts) / sizeof(cuts[0]))

TEST_F(loop, split_headers, .title = "N1 headers and frames split over descriptors, on either side")
{
	struct mock_net *n = &self->n;

	for (unsigned int t = 0; t < NR_CUTS; t++) {
		for (unsigned int r = 0; r < NR_CUTS; r++) {
			struct mock_frame f = mock_net_frame(n, 100);
			struct mock_buf b = mock_net_buf(n, 200);

			f.head = mock_net_cut(&n->tx, f.gpa, 112, false, cuts[t]);
			b.head = mock_net_cut(&n->rx, b.gpa, 200, true, cuts[r]);
			mock_net_kick(n);
			ASSERT_TRUE(mock_net_got(n, &b, &f))
			{
				TH_LOG("TX cut %u, RX cut %u", t, r);
			}
			ASSERT_TRUE(mock_net_sent(n, &f));
		}
	}
}

TEST_F(loop, empty_descriptors,
       .title = "N1 descriptors of length 0 are nothing, wherever they are")
{
	struct mock_net *n = &self->n;
	struct mock_frame f = mock_net_frame(n, 100);
	struct mock_buf b = mock_net_buf(n, 200);
	/* Unmapped, as nobody looks there. */
	const struct mock_piece tx[] = {
		{ GUEST_HOLE, 0, false },  { f.gpa, 5, false },	     { GUEST_HOLE, 0, false },
		{ f.gpa + 5, 107, false }, { GUEST_HOLE, 0, false },
	};
	const struct mock_piece rx[] = {
		{ GUEST_HOLE, 0, true },   { b.gpa, 12, true },	    { GUEST_HOLE, 0, true },
		{ b.gpa + 12, 188, true }, { GUEST_HOLE, 0, true },
	};

	f.head = mock_chain(&n->tx, tx, 5);
	b.head = mock_chain(&n->rx, rx, 5);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

/* The border between two regions of guest memory, which aren't neighbours in this process. */
TEST_F(loop, two_regions, .title = "N1 a frame and a buffer that lie in two memory regions each")
{
	struct mock_net *n = &self->n;

	for (uint32_t at = 1; at < 112; at += 10) {
		const uint32_t whole[] = { 0 };
		struct mock_frame f = mock_net_frame(n, 100);
		struct mock_buf b = { .gpa = GUEST_HIGH - at, .len = 112 };
		uint8_t frame[100];

		memcpy(frame, mock_ptr(&n->g, f.gpa + 12, 100), 100);
		b.head = mock_net_cut(&n->rx, b.gpa, 112, true, whole);
		f.head = mock_net_cut(&n->tx, f.gpa, 112, false, whole);
		mock_net_kick(n);
		ASSERT_TRUE(mock_net_sent(n, &f));
		/* And from there. */
		f.head = mock_net_cut(&n->tx, b.gpa, 112, false, whole);
		b = mock_net_buf(n, 112);
		b.head = mock_net_cut(&n->rx, b.gpa, 112, true, whole);
		mock_net_kick(n);
		ASSERT_TRUE(mock_net_sent(n, &f));
		EXPECT_MEMEQ(mock_ptr(&n->g, b.gpa + 12, 100), frame, 100);
	}
}

TEST_F(loop, overlap,
       .title = "N1 a buffer that overlaps its frame: what lies there is the guest's matter")
{
	struct mock_net *n = &self->n;
	const uint32_t whole[] = { 0 };
	struct mock_frame f = mock_net_frame(n, 1000);

	f.head = mock_net_cut(&n->tx, f.gpa, 1012, false, whole);
	mock_net_cut(&n->rx, f.gpa + 100, 1012, true, whole);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+1000 rx_packets+1 rx_bytes+1000");
}

TEST_F(loop, indirect, .title = "N1 indirect descriptors on both queues")
{
	struct mock_net *n = &self->n;
	struct mock_frame f = mock_net_frame(n, 700);
	struct mock_buf b = mock_net_buf(n, 1530);
	struct vring_desc *tx = mock_ptr(&n->g, GUEST_TABLES, 64);
	struct vring_desc *rx = mock_ptr(&n->g, GUEST_TABLES + 64, 64);

	tx[0] = (struct vring_desc){ f.gpa, 10, VRING_DESC_F_NEXT, 2 };
	tx[2] = (struct vring_desc){ f.gpa + 10, 702, 0, 0 };
	rx[0] = (struct vring_desc){ b.gpa, 3, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 };
	rx[1] = (struct vring_desc){ b.gpa + 3, 1527, VRING_DESC_F_WRITE, 0 };
	mock_desc(&n->tx, 7, GUEST_TABLES, 64, VRING_DESC_F_INDIRECT, 0);
	mock_desc(&n->rx, 9, GUEST_TABLES + 64, 64, VRING_DESC_F_INDIRECT, 0);
	f.head = 7;
	b.head = 9;
	mock_avail(&n->tx, 7);
	mock_avail(&n->rx, 9);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_TRUE(mock_net_sent(n, &f));
}

TEST(jumbo, .title = "N1 N4 the MTU decides how long a frame may be: 68, 9000, 65535")
{
	static const unsigned int mtus[] = { 68, 9000, 65535 };
	const uint32_t whole[] = { 0 };

	for (unsigned int i = 0; i < 3; i++) {
		const struct mock_net_opts opts = { .mtu = mtus[i] };
		struct mock_net n;
		struct mock_frame f;
		struct mock_buf b;

		ASSERT_EQ(mock_net_init(&n, &opts), 0);
		mock_net_start(&n, NET_FEATURES, 64);
		f = mock_net_send(&n, mtus[i] + 14);
		b = mock_net_buf(&n, mtus[i] + 14 + 12);
		b.head = mock_net_cut(&n.rx, b.gpa, b.len, true, whole);
		mock_net_kick(&n);
		EXPECT_TRUE(mock_net_got(&n, &b, &f));
		EXPECT_TRUE(mock_net_sent(&n, &f));
		mock_net_changes(&n);
		f = mock_net_send(&n, mtus[i] + 15);
		mock_net_kick(&n);
		EXPECT_TRUE(mock_net_sent(&n, &f));
		EXPECT_STREQ(mock_net_changes(&n), "tx_oversize_dropped+1");
		EXPECT_EQ(mock_net_free(&n), 0);
	}
}

/* --- N4: what the gates of TX reject --- */

/* Sends a bad chain before a good one: it's handed back, counted, and nothing else. */
static void expect_rejected(struct mock_net *n, uint16_t head, const char *changes)
{
	struct mock_buf b = mock_net_give(n);
	struct mock_frame good = mock_net_send(n, 60), bad = { .head = head };
	char want[128];

	snprintf(want, sizeof(want), "tx_packets+1 tx_bytes+60 rx_packets+1 rx_bytes+60 %s",
		 changes);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &bad));
	EXPECT_TRUE(mock_net_sent(n, &good));
	EXPECT_TRUE(mock_net_got(n, &b, &good));
	EXPECT_TRUE(mock_net_nothing(&n->rx));
	EXPECT_STREQ(mock_net_changes(n), want);
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_EQ(mock_net_status(n), 0xf);
}

#define EXPECT_INVALID(...)                                                                        \
	do {                                                                                       \
		const struct mock_piece piece[] = { __VA_ARGS__ };                                 \
		const uint16_t head =                                                              \
			mock_chain(&self->n.tx, piece, sizeof(piece) / sizeof(piece[0]));          \
                                                                                                   \
		expect_rejected(&self->n, head, "tx_chain_invalid+1");                             \
	} while (0)

TEST_F(loop, tx_direction, .title = "N4 a device-writable descriptor on TX: tx_chain_invalid")
{
	const uint64_t gpa = MOCK_NET_SPARE;

	EXPECT_INVALID({ gpa, 112, true });
	EXPECT_INVALID({ gpa, 12, true }, { gpa + 12, 100, false });
	EXPECT_INVALID({ gpa, 12, false }, { gpa + 12, 100, true });
	EXPECT_INVALID({ gpa, 112, false }, { gpa + 112, 0, true });
}

TEST_F(loop, tx_short, .title = "N4 a chain shorter than the header: tx_chain_invalid")
{
	const uint64_t gpa = MOCK_NET_SPARE;

	EXPECT_INVALID({ gpa, 11, false });
	EXPECT_INVALID({ gpa, 0, false });
	EXPECT_INVALID({ gpa, 5, false }, { gpa + 5, 6, false });
}

TEST_F(loop, tx_unreadable, .title = "N4 a header or a frame that isn't mapped: tx_chain_invalid")
{
	EXPECT_INVALID({ GUEST_HOLE, 112, false });
	EXPECT_INVALID({ GUEST_HOLE - 11, 112, false });
	EXPECT_INVALID({ GUEST_HOLE - 12, 112, false });
	EXPECT_INVALID({ GUEST_HOLE - 111, 112, false });
	EXPECT_INVALID({ GUEST_HOLE, 12, false }, { MOCK_NET_SPARE, 100, false });
	EXPECT_INVALID({ MOCK_NET_SPARE, 12, false }, { GUEST_HOLE, 100, false });
	EXPECT_INVALID({ GUEST_BIG + GUEST_BIG_SIZE - 50, 112, false });
}

TEST_F(loop, tx_overflow, .title = "N4 addresses that wrap: tx_chain_invalid")
{
	EXPECT_INVALID({ UINT64_MAX - 50, 112, false });
	EXPECT_INVALID({ UINT64_MAX, 12, false });
	EXPECT_INVALID({ MOCK_NET_SPARE, 12, false }, { UINT64_MAX - 3, 100, false });
	EXPECT_INVALID({ UINT64_MAX - 50, UINT32_MAX, false });
}

TEST_F(loop, tx_too_many,
       .title = "N4 more descriptors than a ring has, by an indirect table: tx_chain_invalid")
{
	struct mock_net *n = &self->n;
	struct vring_desc *table = mock_ptr(&n->g, GUEST_TABLES, 300 * sizeof(*table));
	uint16_t head = n->tx.free_desc++ % n->tx.size;

	for (uint16_t i = 0; i < 300; i++)
		table[i] =
			(struct vring_desc){ MOCK_NET_SPARE + i, 1, i < 299 ? VRING_DESC_F_NEXT : 0,
					     (uint16_t)(i + 1) };
	mock_desc(&n->tx, head, GUEST_TABLES, 300 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	mock_avail(&n->tx, head);
	expect_rejected(n, head, "tx_chain_invalid+1");
}

TEST_F(loop, oversize,
       .title = "N4 a frame longer than the MTU allows is dropped whole, in one or more pieces")
{
	struct mock_net *n = &self->n;
	const struct mock_piece one = { MOCK_NET_SPARE, 12 + 1515, false };
	const struct mock_piece four_gb[] = { { GUEST_HOLE, UINT32_MAX, false },
					      { GUEST_HOLE, UINT32_MAX, false } };
	uint16_t head;

	head = mock_chain(&n->tx, &one, 1);
	expect_rejected(n, head, "tx_oversize_dropped+1");
	for (unsigned int i = 0; i < NR_CUTS; i++) {
		head = mock_net_cut(&n->tx, MOCK_NET_SPARE, 12 + 1515, false, cuts[i]);
		expect_rejected(n, head, "tx_oversize_dropped+1");
	}
	/* Too long to be looked for in memory; nor does the sum wrap. */
	head = mock_chain(&n->tx, four_gb, 2);
	expect_rejected(n, head, "tx_oversize_dropped+1");
}

/* --- N5: nowhere to put it --- */

TEST_F(loop, no_buffer, .title = "N5 RX is empty: tx_dropped_no_rx_buffer, TX completes")
{
	struct mock_net *n = &self->n;
	struct mock_frame f[3];
	struct mock_buf b;

	b = mock_net_give(n);
	for (int i = 0; i < 3; i++)
		f[i] = mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f[0]));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(mock_net_sent(n, &f[i]));
	EXPECT_CHANGES("tx_packets+3 tx_bytes+300 rx_packets+1 rx_bytes+100 "
		       "tx_dropped_no_rx_buffer+2");
	/* Dropped is dropped: a buffer that comes later stays. */
	b = mock_net_give(n);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_nothing(&n->rx));
	f[0] = mock_net_send(n, 80);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f[0]));
}

TEST(no_rx_queue, .title = "N5 an RX queue that was never made ready has no buffers")
{
	const struct mock_net_opts opts = { 0 };
	struct mock_frame f;
	struct mock_net n;

	ASSERT_EQ(mock_net_init(&n, &opts), 0);
	mock_negotiate(n.m, NET_FEATURES);
	mock_queue_init(&n.tx, &n.g, NET_TX, 256);
	mock_setup_queue(n.m, &n.tx);
	mock_driver_ok(n.m);
	f = mock_net_send(&n, 100);
	mock_net_kick(&n);
	EXPECT_TRUE(mock_net_sent(&n, &f));
	EXPECT_STREQ(mock_net_changes(&n), "tx_packets+1 tx_bytes+100 tx_dropped_no_rx_buffer+1");
	EXPECT_EQ(mock_net_free(&n), 0);
}

/* --- N6: a buffer that can't be used --- */

/* A frame meets a bad buffer: both are used up, and the next frame gets the next buffer. */
static void expect_bad_buffer(struct mock_net *n, const struct mock_piece *piece, unsigned int nr,
			      const char *counter)
{
	struct mock_buf bad = { .gpa = MOCK_NET_SPARE, .len = 0 }, good;
	struct mock_frame f[2];
	char want[128];

	memset(mock_ptr(&n->g, MOCK_NET_SPARE, 0x1000), 0xee, 0x1000);
	bad.head = mock_chain(&n->rx, piece, nr);
	bad.len = 0x1000;
	good = mock_net_give(n);
	f[0] = mock_net_send(n, 100);
	f[1] = mock_net_send(n, 70);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_returned(n, &bad));
	EXPECT_TRUE(mock_net_got(n, &good, &f[1]));
	EXPECT_TRUE(mock_net_sent(n, &f[0]));
	EXPECT_TRUE(mock_net_sent(n, &f[1]));
	snprintf(want, sizeof(want), "tx_packets+2 tx_bytes+170 rx_packets+1 rx_bytes+70 %s+1",
		 counter);
	EXPECT_STREQ(mock_net_changes(n), want);
	EXPECT_EQ(mock_net_irqs(n), 1);
	EXPECT_EQ(mock_net_status(n), 0xf);
}

#define EXPECT_BAD_BUFFER(counter_, ...)                                                           \
	do {                                                                                       \
		const struct mock_piece piece[] = { __VA_ARGS__ };                                 \
                                                                                                   \
		expect_bad_buffer(&self->n, piece, sizeof(piece) / sizeof(piece[0]), counter_);    \
	} while (0)

TEST_F(loop, rx_shape,
       .title = "N6 a buffer of the wrong direction or too small: rx_chain_invalid, length 0")
{
	const uint64_t gpa = MOCK_NET_SPARE;

	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 1530, false });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 12, false }, { gpa + 12, 1500, true });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 1530, true }, { gpa + 1530, 1, false });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 11, true });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 111, true });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 100, true }, { gpa + 100, 11, true });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { gpa, 0, true });
}

TEST_F(loop, rx_too_many,
       .title = "N6 more descriptors than a ring has, by an indirect table: rx_chain_invalid")
{
	struct mock_net *n = &self->n;
	struct vring_desc *table = mock_ptr(&n->g, GUEST_TABLES, 300 * sizeof(*table));
	struct mock_frame f = mock_net_send(n, 100);
	struct mock_buf b = { .gpa = MOCK_NET_SPARE, .len = 0, .head = 5 };

	for (uint16_t i = 0; i < 300; i++)
		table[i] =
			(struct vring_desc){ MOCK_NET_SPARE + i, 1,
					     VRING_DESC_F_WRITE | (i < 299 ? VRING_DESC_F_NEXT : 0),
					     (uint16_t)(i + 1) };
	mock_desc(&n->rx, 5, GUEST_TABLES, 300 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	mock_avail(&n->rx, 5);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_returned(n, &b));
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_chain_invalid+1");
}

TEST_F(loop, rx_unmapped,
       .title = "N6 a buffer that isn't mapped: rx_write_failed, length 0, nothing written")
{
	const uint64_t gpa = MOCK_NET_SPARE;

	EXPECT_BAD_BUFFER("rx_write_failed", { GUEST_HOLE, 1530, true });
	EXPECT_BAD_BUFFER("rx_write_failed", { gpa, 12, true }, { GUEST_HOLE, 1530, true });
	EXPECT_BAD_BUFFER("rx_write_failed", { gpa, 50, true }, { GUEST_HOLE - 61, 1530, true });
	EXPECT_BAD_BUFFER("rx_write_failed", { gpa, 50, true }, { UINT64_MAX - 10, 1530, true });
}

TEST_F(loop, rx_shape_first, .title = "N6 unmapped and of the wrong shape: rx_chain_invalid alone")
{
	EXPECT_BAD_BUFFER("rx_chain_invalid", { GUEST_HOLE, 1530, true }, { GUEST_HOLE, 1, false });
	EXPECT_BAD_BUFFER("rx_chain_invalid", { GUEST_HOLE, 111, true });
}

TEST_F(loop, rx_tail_unmapped,
       .title = "N6 a buffer that is mapped as far as the frame goes will do")
{
	struct mock_net *n = &self->n;
	const uint32_t whole[] = { 0 };
	struct mock_frame f = mock_net_send(n, 100);

	mock_net_cut(&n->rx, GUEST_HOLE - 112, 1530, true, whole);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_packets+1 rx_bytes+100");
}

/* --- N7: used rings that can't be written --- */

/* A start with one queue's used ring in the hole; the rest is as usual. */
static void start_without_used(struct mock_net *n, struct mock_queue *q)
{
	mock_negotiate(n->m, NET_FEATURES);
	mock_queue_init(&n->rx, &n->g, NET_RX, 256);
	mock_queue_init(&n->tx, &n->g, NET_TX, 256);
	q->used = GUEST_HOLE;
	mock_setup_queue(n->m, &n->rx);
	mock_setup_queue(n->m, &n->tx);
	mock_driver_ok(n->m);
}

TEST_F(loop, tx_add_used,
       .title = "N7 TX's used ring is unmapped: tx_add_used_failures; RX has its frame")
{
	struct mock_net *n = &self->n;
	const struct mock_piece bad = { MOCK_NET_SPARE, 5, false };
	struct mock_frame f;
	struct mock_buf b;

	start_without_used(n, &n->tx);
	b = mock_net_give(n);
	f = mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_got(n, &b, &f));
	EXPECT_CHANGES("rx_packets+1 rx_bytes+100 tx_add_used_failures+1");
	EXPECT_EQ(mock_net_irqs(n), 1);
	/* What can't be handed back counts as that alone, whatever it was. */
	mock_chain(&n->tx, &bad, 1);
	mock_net_send(n, 2000);
	mock_net_kick(n);
	EXPECT_CHANGES("tx_add_used_failures+2");
	EXPECT_EQ(mock_net_irqs(n), 0);
	EXPECT_EQ(mock_net_status(n), 0xf);
}

TEST_F(loop, rx_add_used,
       .title = "N7 RX's used ring is unmapped: rx_add_used_failures; TX completes")
{
	struct mock_net *n = &self->n;
	const struct mock_piece bad = { MOCK_NET_SPARE, 5, true };
	struct mock_frame f;

	start_without_used(n, &n->rx);
	mock_net_give(n);
	f = mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_add_used_failures+1");
	mock_chain(&n->rx, &bad, 1);
	f = mock_net_send(n, 100);
	mock_net_kick(n);
	EXPECT_TRUE(mock_net_sent(n, &f));
	EXPECT_CHANGES("tx_packets+1 tx_bytes+100 rx_add_used_failures+1");
	EXPECT_EQ(mock_net_irqs(n), 2);
	EXPECT_EQ(mock_net_status(n), 0xf);
}

TEST_HARNESS_MAIN
