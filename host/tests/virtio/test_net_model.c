// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random runs beside a model that knows what must become of every single
 * frame: which of the thirteen counters move, what is in both used rings, and
 * what is in each buffer.
 */
#include "ss_harness.h"

#include <string.h>

#include "mock_hostile.h"
#include "mock_net.h"
#include "virtio/net_dump.h"

#define EVENT_IDX  FEAT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT   FEAT(VIRTIO_RING_F_INDIRECT_DESC)
#define RUNNING	   0xf
#define MAX_PIECES 6
#define FRAME_MAX  (NET_MTU + NET_ETH_HLEN)

enum kind {
	GOOD,
	WRONG_WAY, /* a descriptor of the wrong direction */
	UNMAPPED,
	WRAPS,	  /* TX only */
	SHORT,	  /* TX only */
	TOO_LONG, /* TX only */
	BREAKS,	  /* what makes the ring a broken one */
};

/* A chain the device has yet to take. */
struct entry {
	enum kind kind;
	uint16_t head;
	unsigned int descs;
	uint64_t gpa;
	uint32_t len; /* header included */
};

struct fifo {
	struct entry e[VIRTQ_MAX_SIZE];
	unsigned int first, nr;
	unsigned int descs; /* in use */
	bool no_used;	    /* its used ring is unmapped */
	bool broken;
};

struct model {
	struct mock_net n;
	struct fifo rx, tx;
	uint64_t features;
	uint16_t cursor;	     /* of TX, as the device had it */
	struct ss_net_counters want; /* what the counters must be */
	unsigned int frames;	     /* taken in all */
	uint64_t run;
	bool throttled;
};

static struct entry *front(struct fifo *f)
{
	return f->nr ? &f->e[f->first] : NULL;
}

static struct entry take(struct fifo *f)
{
	const struct entry e = f->e[f->first];

	f->first = (f->first + 1) % VIRTQ_MAX_SIZE;
	f->nr--;
	f->descs -= e.descs;
	return e;
}

/* --- making chains --- */

/* Cuts [gpa, gpa + len) into up to MAX_PIECES. */
static unsigned int cut(struct mock_piece *piece, uint64_t gpa, uint32_t len, bool write)
{
	const unsigned int most = 1 + (unsigned int)pick(MAX_PIECES);
	unsigned int nr = 0;

	while (nr < most - 1 && len > 1) {
		const uint32_t n =
			1 + (uint32_t)(pick(2) ? pick(len - 1) : pick(len < 16 ? len - 1 : 15));

		piece[nr++] = (struct mock_piece){ gpa, n, write };
		gpa += n;
		len -= n;
	}
	piece[nr++] = (struct mock_piece){ gpa, len, write };
	return nr;
}

static void spoil(struct mock_piece *piece, unsigned int nr, enum kind kind)
{
	struct mock_piece *p = &piece[pick(nr)];

	if (kind == WRONG_WAY)
		p->write = !p->write;
	if (kind == UNMAPPED)
		piece[0].addr = GUEST_HOLE + pick(0x1000);
	if (kind == WRAPS)
		p->addr = UINT64_MAX - pick(p->len);
}

/* By an indirect table of its own where that was negotiated, now and then. */
static uint16_t add_chain(struct model *m, struct mock_queue *q, const struct mock_piece *piece,
			  unsigned int nr, unsigned int *descs)
{
	const uint16_t head = q->free_desc % q->size;
	const uint64_t gpa =
		GUEST_TABLES + 0x8000ULL * q->index + sizeof(struct vring_desc) * MAX_PIECES * head;
	struct vring_desc *table;

	if (!(m->features & INDIRECT) || pick(2)) {
		*descs = nr;
		return mock_chain(q, piece, nr);
	}
	table = mock_ptr(&m->n.g, gpa, nr * sizeof(*table));
	for (unsigned int i = 0; i < nr; i++)
		table[i] = (struct vring_desc){
			.addr = piece[i].addr,
			.len = piece[i].len,
			.flags = (uint16_t)((piece[i].write ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < nr ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)(i + 1),
		};
	q->free_desc++;
	mock_desc(q, head, gpa, nr * (uint32_t)sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	mock_avail(q, head);
	*descs = 1;
	return head;
}

static void add(struct model *m, struct mock_queue *q, struct fifo *f, const struct entry *e)
{
	const bool write = q == &m->n.rx;
	struct mock_piece piece[MAX_PIECES];
	struct entry made = *e;
	unsigned int nr;

	nr = cut(piece, e->gpa, e->len, write);
	if (f->nr == q->size || f->descs + nr > q->size)
		return;
	spoil(piece, nr, e->kind);
	made.head = add_chain(m, q, piece, nr, &made.descs);
	f->descs += made.descs;
	f->e[(f->first + f->nr++) % VIRTQ_MAX_SIZE] = made;
}

static void add_break(struct mock_queue *q, struct fifo *f)
{
	if (f->nr == q->size)
		return;
	mock_avail(q, (uint16_t)(q->size + pick(100)));
	f->e[(f->first + f->nr++) % VIRTQ_MAX_SIZE] = (struct entry){ .kind = BREAKS };
}

static void add_buffer(struct model *m)
{
	static const uint32_t lens[] = {
		MOCK_NET_BUF, MOCK_NET_BUF, MOCK_NET_BUF, 2000, 600, 80, 5
	};
	struct entry e = { .kind = GOOD };
	struct mock_buf b;

	if (!pick(100)) {
		add_break(&m->n.rx, &m->rx);
		return;
	}
	if (!pick(8))
		e.kind = pick(2) ? WRONG_WAY : UNMAPPED;
	b = mock_net_buf(&m->n, lens[pick(7)]);
	e.gpa = b.gpa;
	e.len = b.len;
	add(m, &m->n.rx, &m->rx, &e);
}

static void add_frame(struct model *m)
{
	static const enum kind bad[] = { WRONG_WAY, UNMAPPED, WRAPS, SHORT, TOO_LONG };
	struct entry e = { .kind = GOOD };
	struct mock_frame f;
	uint32_t len = (uint32_t)(pick(4) ? pick(200) : pick(FRAME_MAX + 1));

	if (!pick(300)) {
		add_break(&m->n.tx, &m->tx);
		return;
	}
	if (!pick(6))
		e.kind = bad[pick(5)];
	if (e.kind == TOO_LONG)
		len = FRAME_MAX + 1 + (uint32_t)pick(1000);
	f = mock_net_frame(&m->n, len);
	e.gpa = f.gpa;
	e.len = e.kind == SHORT ? (uint32_t)pick(NET_HDR_LEN) : NET_HDR_LEN + len;
	add(m, &m->n.tx, &m->tx, &e);
}

/* --- what must become of them --- */

static void expect_used(struct mock_queue *q, const struct entry *e, uint32_t len)
{
	uint32_t got_id = 0, got_len = 0;

	ASSERT_TRUE(mock_used(q, &got_id, &got_len));
	ASSERT_EQ(got_id, e->head);
	ASSERT_EQ(got_len, len);
}

static void received(struct model *m, const struct entry *tx)
{
	struct ss_net_counters *want = &m->want;
	const struct entry rx = take(&m->rx);
	__u64 *outcome = &want->rx_packets;
	uint32_t len = tx->len;

	if (rx.kind == WRONG_WAY || rx.len < tx->len)
		outcome = &want->rx_chain_invalid;
	else if (rx.kind == UNMAPPED)
		outcome = &want->rx_write_failed;
	if (outcome != &want->rx_packets)
		len = 0;
	if (m->rx.no_used) {
		want->rx_add_used_failures++;
		return;
	}
	++*outcome;
	expect_used(&m->n.rx, &rx, len);
	if (!len)
		return;
	want->rx_bytes += len - NET_HDR_LEN;
	ASSERT_TRUE(mock_net_holds(&m->n, &(struct mock_buf){ rx.head, rx.gpa, rx.len },
				   &(struct mock_frame){ tx->head, tx->gpa, len - NET_HDR_LEN }));
}

static void accepted(struct model *m, const struct entry *tx)
{
	struct entry *rx = front(&m->rx);

	if (!m->rx.broken && rx && rx->kind == BREAKS) {
		m->rx.broken = true;
		m->want.invalid_avail_idx_count++;
	}
	if (m->rx.broken)
		m->want.tx_dropped_rx_poisoned++;
	else if (!rx)
		m->want.tx_dropped_no_rx_buffer++;
	else
		received(m, tx);
}

static void taken(struct model *m)
{
	struct ss_net_counters *want = &m->want;
	const struct entry tx = take(&m->tx);
	__u64 *outcome = &want->tx_packets;

	m->frames++;
	if (tx.kind == TOO_LONG)
		outcome = &want->tx_oversize_dropped;
	else if (tx.kind != GOOD)
		outcome = &want->tx_chain_invalid;
	else
		accepted(m, &tx);
	if (m->tx.no_used) {
		want->tx_add_used_failures++;
		return;
	}
	++*outcome;
	if (outcome == &want->tx_packets)
		want->tx_bytes += tx.len - NET_HDR_LEN;
	expect_used(&m->n.tx, &tx, 0);
}

/* Follows what the device has done, and compares all there is. */
static void follow(struct model *m)
{
	struct ss_net_counters now;
	struct net_dump d;
	const struct entry *next;

	net_pause(m->n.net, 0);
	net_dump(m->n.net, true, &d);
	net_resume(m->n.net);
	for (; m->cursor != d.queue[NET_TX].next_avail; m->cursor++)
		taken(m);
	next = front(&m->tx);
	if (!m->tx.broken && next && !d.queue[NET_TX].stalled_since_ns) {
		ASSERT_EQ(next->kind, BREAKS);
		m->tx.broken = true;
		m->want.invalid_avail_idx_count++;
	}
	net_snapshot(m->n.net, &now);
	ASSERT_MEMEQ(&now, &m->want, sizeof(now))
	{
		TH_LOG("run %llu, frame %u", (unsigned long long)m->run, m->frames);
	}
	ASSERT_TRUE(mock_net_nothing(&m->n.tx));
	ASSERT_TRUE(mock_net_nothing(&m->n.rx));
	ASSERT_EQ(mock_net_status(&m->n),
		  m->tx.broken || m->rx.broken ? RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET : RUNNING);
	ASSERT_EQ(m->n.pressure.currently_throttled_gauge, d.queue[NET_TX].stalled_since_ns != 0);
}

/* --- a run --- */

static void restart(struct model *m)
{
	const uint16_t size = (uint16_t)(1u << pick(9));
	struct mock_net *n = &m->n;

	m->features = NET_FEATURES | (pick(2) ? EVENT_IDX : 0) | (pick(2) ? INDIRECT : 0);
	m->rx = m->tx = (struct fifo){ .no_used = false };
	m->cursor = 0;
	mock_negotiate(n->m, m->features);
	mock_queue_init(&n->rx, &n->g, NET_RX, size);
	mock_queue_init(&n->tx, &n->g, NET_TX, (uint16_t)(1u << pick(9)));
	m->rx.no_used = !pick(10);
	m->tx.no_used = !pick(10);
	if (m->rx.no_used)
		n->rx.used = GUEST_HOLE;
	if (m->tx.no_used)
		n->tx.used = GUEST_HOLE;
	mock_setup_queue(n->m, &n->rx);
	mock_setup_queue(n->m, &n->tx);
	/* Read back by the model from where they'd be. */
	n->rx.used = GUEST_RINGS + 0x2000;
	n->tx.used = GUEST_RINGS + 0x6000;
	mock_driver_ok(n->m);
}

/* What somebody may do to a device between two kicks. */
static void disturb(struct model *m)
{
	const struct throttle_limits limits = {
		.ops = { pick(2) ? 1 + pick(50) : 0, 0 },
		.bytes = { pick(2) ? 1 + pick(20000) : 0, 0 },
	};

	switch (pick(20)) {
	case 0:
		ASSERT_EQ(net_pause(m->n.net, 0), 0);
		net_step(m->n.net);
		net_resume(m->n.net);
		break;
	case 1:
		if (!m->throttled)
			break;
		ASSERT_EQ(net_set_limits(m->n.net, &limits), 0);
		break;
	case 2:
		mock_set_used_event(&m->n.rx, (uint16_t)rnd());
		mock_set_used_event(&m->n.tx, (uint16_t)rnd());
		break;
	case 3:
		reg_write(m->n.m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_RX);
		break;
	}
}

static void run(struct model *m, uint64_t rounds)
{
	restart(m);
	for (uint64_t i = 0; i < rounds; i++) {
		if (!pick(60) || ((m->tx.broken || m->rx.broken) && !pick(4)))
			restart(m);
		for (uint64_t k = pick(12); k; k--)
			add_buffer(m);
		for (uint64_t k = pick(12); k; k--)
			add_frame(m);
		disturb(m);
		reg_write(m->n.m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
		m->n.clock.now += pick(4) ? pick(IO_NSEC_PER_SEC) : 0;
		net_step(m->n.net);
		follow(m);
	}
}

static void runs(const struct throttle_limits *limits)
{
	const struct mock_net_opts opts = { .limits = *limits };
	static struct model m;

	m.throttled = limits->ops.rate;

	ASSERT_EQ(mock_net_init(&m.n, &opts), 0);
	for (uint64_t nr = 1; nr <= 200; nr++) {
		seed(nr);
		m.run = nr;
		run(&m, 100);
	}
	/* Each of them has been there. */
	for (unsigned int i = 0; i < sizeof(m.want) / sizeof(__u64); i++)
		EXPECT_GT(((__u64 *)&m.want)[i], 100);
	EXPECT_EQ(m.want.tx_packets + m.want.tx_chain_invalid + m.want.tx_oversize_dropped +
			  m.want.tx_add_used_failures,
		  m.frames);
	TH_LOG("%u frames, %llu came back, %llu stalls", m.frames,
	       (unsigned long long)m.want.rx_packets,
	       (unsigned long long)m.n.pressure.throttled_count);
	EXPECT_EQ(mock_net_free(&m.n), 0);
}

TEST(every_frame, .title = "N3 to N7 each frame of 200 random runs ends in exactly one counter",
     .timeout_s = 120)
{
	runs(&(struct throttle_limits){ 0 });
}

TEST(every_frame_throttled, .title = "N3 to N7 D39 the same behind a throttle whose limits change",
     .timeout_s = 120)
{
	runs(&(struct throttle_limits){ .ops = { 20, 0 }, .bytes = { 8000, 0 } });
}

TEST_HARNESS_MAIN
