// SPDX-License-Identifier: GPL-2.0-only
#include "mock_net.h"

#include <stdio.h>
#include <string.h>

#include "mock_counters.h"

int mock_net_init(struct mock_net *n, const struct mock_net_opts *opts)
{
	struct net_config config = {
		.index = 2,
		.mtu = opts->mtu,
		.limits = opts->limits,
		.throttle = opts->throttle,
		.counters = &n->counters,
		.pressure = &n->pressure,
		.clock = opts->threads ? NULL : &n->clock.clock,
		.affinity = opts->affinity,
		.manual = !opts->threads,
	};
	int ret;

	memset(n, 0, sizeof(*n));
	mock_guest_init(&n->g);
	mock_clock_init(&n->clock, MOCK_NET_START);
	ret = net_create(&config, &n->net);
	if (ret)
		return ret;
	n->m = net_mmio(n->net);
	virtio_mmio_set_mem(n->m, &n->g.mem);
	return 0;
}

int mock_net_free(struct mock_net *n)
{
	int ret = net_destroy(n->net);

	mock_guest_free(&n->g);
	return ret;
}

void mock_net_start(struct mock_net *n, uint64_t features, uint16_t size)
{
	mock_negotiate(n->m, features);
	mock_queue_init(&n->rx, &n->g, NET_RX, size);
	mock_queue_init(&n->tx, &n->g, NET_TX, size);
	mock_setup_queue(n->m, &n->rx);
	mock_setup_queue(n->m, &n->tx);
	mock_driver_ok(n->m);
}

void mock_net_kick(struct mock_net *n)
{
	reg_write(n->m, VIRTIO_MMIO_QUEUE_NOTIFY, NET_TX);
	net_step(n->net);
}

uint64_t mock_net_irqs(struct mock_net *n)
{
	return mock_eventfd(virtio_mmio_irq_fd(n->m));
}

uint32_t mock_net_isr(struct mock_net *n)
{
	return reg_read(n->m, VIRTIO_MMIO_INTERRUPT_STATUS);
}

uint32_t mock_net_status(struct mock_net *n)
{
	return reg_read(n->m, VIRTIO_MMIO_STATUS);
}

const char *mock_net_changes(struct mock_net *n)
{
	static const struct mock_counter pressure_fields[] = {
		{ "throttled_count", offsetof(struct ss_net_pressure, throttled_count) },
		{ "currently_throttled_gauge",
		  offsetof(struct ss_net_pressure, currently_throttled_gauge) },
	};
	static char text[512];
	struct ss_net_counters now;
	struct ss_net_pressure pressure;

	net_snapshot(n->net, &now);
	net_pressure_snapshot(n->net, &pressure);
	text[0] = '\0';
	mock_counter_changes(mock_net_counters, MOCK_NET_COUNTERS, &now, &n->seen, text,
			     sizeof(text));
	mock_counter_changes(pressure_fields, 2, &pressure, &n->pressure_seen, text, sizeof(text));
	n->seen = now;
	n->pressure_seen = pressure;
	return text;
}

/* --- frames and buffers --- */

/* The next @len bytes of a room, round and round. */
static uint64_t take_room(uint64_t *next, uint64_t len)
{
	uint64_t at = *next;

	if (at + len > MOCK_NET_ROOM)
		at = 0;
	*next = (at + len + 63) & ~63ULL;
	return at;
}

struct mock_frame mock_net_frame(struct mock_net *n, uint32_t len)
{
	struct mock_frame f = {
		.gpa = MOCK_NET_FRAMES + take_room(&n->next_frame, NET_HDR_LEN + len),
		.len = len,
	};
	uint8_t *p = mock_ptr(&n->g, f.gpa, NET_HDR_LEN + len);

	n->seq++;
	/* What a header says on TX is nothing to a loopback. */
	memset(p, 0xdd, NET_HDR_LEN);
	for (uint32_t i = 0; i < len; i++)
		p[NET_HDR_LEN + i] = (uint8_t)(n->seq * 31 + i * 7 + (i >> 8));
	return f;
}

struct mock_buf mock_net_buf(struct mock_net *n, uint32_t len)
{
	struct mock_buf b = {
		.gpa = MOCK_NET_BUFS + take_room(&n->next_buf, len),
		.len = len,
	};

	memset(mock_ptr(&n->g, b.gpa, len), 0xee, len);
	return b;
}

uint16_t mock_net_cut(struct mock_queue *q, uint64_t gpa, uint32_t len, bool write,
		      const uint32_t *cut)
{
	struct mock_piece piece[MOCK_NET_PIECES];
	unsigned int nr = 0;

	for (; *cut; cut++) {
		piece[nr++] = (struct mock_piece){ gpa, *cut, write };
		gpa += *cut;
		len -= *cut;
	}
	if (len)
		piece[nr++] = (struct mock_piece){ gpa, len, write };
	return mock_chain(q, piece, nr);
}

struct mock_frame mock_net_send(struct mock_net *n, uint32_t len)
{
	const uint32_t whole[] = { 0 };
	struct mock_frame f = mock_net_frame(n, len);

	f.head = mock_net_cut(&n->tx, f.gpa, NET_HDR_LEN + len, false, whole);
	return f;
}

struct mock_buf mock_net_give(struct mock_net *n)
{
	const uint32_t whole[] = { 0 };
	struct mock_buf b = mock_net_buf(n, MOCK_NET_BUF);

	b.head = mock_net_cut(&n->rx, b.gpa, b.len, true, whole);
	return b;
}

/* --- what became of them --- */

static bool used_is(struct mock_queue *q, uint16_t head, uint32_t len)
{
	uint32_t got_id, got_len;

	if (!mock_used(q, &got_id, &got_len)) {
		printf("# queue %u: nothing was published\n", q->index);
		return false;
	}
	if (got_id == head && got_len == len)
		return true;
	printf("# queue %u: head %u length %u was published, not head %u length %u\n", q->index,
	       got_id, got_len, head, len);
	return false;
}

bool mock_net_sent(struct mock_net *n, const struct mock_frame *f)
{
	return used_is(&n->tx, f->head, 0);
}

/* From byte @from on nobody has written to a buffer. */
static bool untouched(struct mock_net *n, const struct mock_buf *b, uint32_t from)
{
	const uint8_t *p = b->len ? mock_ptr(&n->g, b->gpa, b->len) : NULL;

	for (uint32_t i = from; i < b->len; i++) {
		if (p[i] == 0xee)
			continue;
		printf("# byte %u of the buffer is 0x%02x\n", i, p[i]);
		return false;
	}
	return true;
}

bool mock_net_holds(struct mock_net *n, const struct mock_buf *b, const struct mock_frame *f)
{
	const struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 1 };
	const uint8_t *frame = mock_ptr(&n->g, f->gpa, NET_HDR_LEN + f->len);
	const uint8_t *p = mock_ptr(&n->g, b->gpa, b->len);

	if (memcmp(p, &hdr, sizeof(hdr))) {
		printf("# the header isn't all 0 but num_buffers\n");
		return false;
	}
	if (memcmp(p + sizeof(hdr), frame + sizeof(hdr), f->len)) {
		printf("# the frame has changed\n");
		return false;
	}
	return untouched(n, b, NET_HDR_LEN + f->len);
}

bool mock_net_got(struct mock_net *n, const struct mock_buf *b, const struct mock_frame *f)
{
	return used_is(&n->rx, b->head, NET_HDR_LEN + f->len) && mock_net_holds(n, b, f);
}

bool mock_net_returned(struct mock_net *n, const struct mock_buf *b)
{
	return used_is(&n->rx, b->head, 0) && untouched(n, b, 0);
}

bool mock_net_nothing(struct mock_queue *q)
{
	return mock_used_idx(q) == q->used_idx;
}
