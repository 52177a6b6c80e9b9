// SPDX-License-Identifier: GPL-2.0-only
/* The console's queues: control messages, and bytes both ways. */
#include "virtio/console_priv.h"

#include <endian.h>
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "lib/log.h"
#include "ss_agent.h"

#define CHUNK	   4096		/* bytes copied at a time between guest and buffers */
#define TURN_BYTES (256 * 1024) /* a port's share of a turn: no port starves the others */

/* Control messages for a port, in the order they are sent. */
enum console_tell {
	TELL_ADD = 1 << 0,
	TELL_CONSOLE = 1 << 1,
	TELL_NAME = 1 << 2,
	TELL_OPEN = 1 << 3,
};

static void bad_chain(struct console *c)
{
	if (!__atomic_fetch_add(&c->stats.bad_chains, 1, __ATOMIC_RELAXED))
		ss_warn("console: the guest's driver made a chain that can't be used");
}

static void bad_control(struct console *c)
{
	__atomic_fetch_add(&c->stats.bad_control, 1, __ATOMIC_RELAXED);
}

static void ring_broken(struct console *c, struct virtq *vq)
{
	if (c->broken)
		return;
	c->broken = true;
	ss_warn("console: queue %u: %s; the device waits for a reset by the guest",
		(unsigned int)(vq - c->vq),
		vq->poison ? virtq_poison_str(vq->poison) : "its used ring can't be written");
	virtio_mmio_set_needs_reset(&c->mmio);
	virtio_mmio_raise(&c->mmio, VIRTIO_MMIO_INT_CONFIG, true);
}

/* An order to stop or pause comes before everything. */
static bool must_leave(struct console *c)
{
	if (worker_must_yield(c->worker)) {
		c->more = true;
		return true;
	}
	return c->broken;
}

static void begin(struct console *c, struct virtq *vq)
{
	c->left = VIRTQ_MAX_SIZE;
	c->published = false;
	/* A hint; without it there are some more kicks. */
	virtq_disable_notify(vq);
}

/* Take the next chain; asks for a kick if there is none. */
static bool take(struct console *c, struct virtq *vq, struct virtq_chain *chain)
{
	int ret;

	if (!vq->ready || must_leave(c))
		return false;
	if (!c->left--) {
		c->left = 0;
		c->more = true;
		return false;
	}
	ret = virtq_pop(vq, chain);
	if (!ret) {
		ret = virtq_enable_notify(vq);
		if (ret > 0)
			ret = virtq_pop(vq, chain);
	}
	if (ret < 0)
		ring_broken(c, vq);
	return ret > 0;
}

static void give_back(struct console *c, struct virtq *vq, uint16_t head, uint32_t len)
{
	if (virtq_push(vq, head, len))
		ring_broken(c, vq);
	else
		c->published = true;
}

/* Once a turn a queue. A broken device's driver is told in any case. */
static void end(struct console *c, struct virtq *vq)
{
	if (c->published)
		virtio_mmio_raise(&c->mmio, VIRTIO_MMIO_INT_VRING,
				  c->broken || virtq_should_interrupt(vq));
}

/* --- guest to host --- */

/* What a port does with bytes. Return: how many it took. */
static size_t sink(struct console *c, unsigned int port, const uint8_t *buf, size_t len)
{
	size_t n;

	if (!port) {
		c->config.output(c->config.ctx, (const char *)buf, len);
		return len;
	}
	n = byte_ring_put(&c->in, buf, len);
	if (n < len) {
		__atomic_store_n(&c->in_full, true, __ATOMIC_SEQ_CST);
		/* The reader may have made room before it could see the flag. */
		n += byte_ring_put(&c->in, buf + n, len - n);
		if (n == len)
			__atomic_store_n(&c->in_full, false, __ATOMIC_SEQ_CST);
	}
	return n;
}

enum tx_result {
	TX_DONE,
	TX_BAD,	  /* nothing more can be had from this chain */
	TX_WAITS, /* for room, or for an order to be obeyed */
};

static enum tx_result tx_bytes(struct console *c, unsigned int port, struct console_tx *t,
			       size_t *budget)
{
	uint8_t buf[CHUNK];

	while (t->at < t->chain.nr) {
		const struct virtq_seg *s = &t->seg[t->at];
		uint32_t want = s->len - t->off;
		size_t took;

		if (!want) {
			t->at++;
			t->off = 0;
			continue;
		}
		if (want > sizeof(buf))
			want = sizeof(buf);
		if (s->write || s->addr + t->off < s->addr ||
		    guest_mem_read(c->vq[0].mem, s->addr + t->off, buf, want))
			return TX_BAD;
		if (must_leave(c))
			return TX_WAITS;
		if (*budget < want) {
			c->more = true;
			return TX_WAITS;
		}
		took = sink(c, port, buf, want);
		*budget -= took;
		t->off += (uint32_t)took;
		if (took < want)
			return TX_WAITS;
	}
	return TX_DONE;
}

static void port_tx(struct console *c, unsigned int port)
{
	struct virtq *vq = &c->vq[port ? Q_AGENT_TX : Q_CONSOLE_TX];
	struct console_tx *t = &c->tx[port];
	size_t budget = TURN_BYTES;

	begin(c, vq);
	while (!must_leave(c)) {
		enum tx_result res;

		if (!t->held) {
			t->chain = (struct virtq_chain){ .seg = t->seg, .max = VIRTQ_MAX_SIZE };
			if (!take(c, vq, &t->chain))
				break;
			t->held = true;
			t->at = t->off = 0;
		}
		res = t->chain.nr > t->chain.max ? TX_BAD : tx_bytes(c, port, t, &budget);
		if (res == TX_WAITS)
			break;
		if (res == TX_BAD)
			bad_chain(c);
		t->held = false;
		give_back(c, vq, t->chain.head, 0);
	}
	end(c, vq);
}

/* --- control --- */

static void control_event(struct console *c, const struct virtio_console_control *m)
{
	uint32_t id = le32toh(m->id);
	uint16_t event = le16toh(m->event), value = le16toh(m->value);

	if (event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned int p = 0; p < CONSOLE_NR_PORTS && value == 1; p++)
			c->pending[p] |= TELL_ADD;
		return;
	}
	if (id >= CONSOLE_NR_PORTS) {
		bad_control(c);
		return;
	}
	switch (event) {
	case VIRTIO_CONSOLE_PORT_READY:
		if (value == 1)
			c->pending[id] |= id ? TELL_NAME | TELL_OPEN : TELL_CONSOLE | TELL_OPEN;
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		if (id)
			c->agent_open = value == 1;
		break;
	default:
		bad_control(c);
	}
}

/* Copy the start of a chain's readable part; false if it's shorter or bad. */
static bool read_chain(const struct console *c, const struct virtq_chain *chain, void *buf,
		       size_t len)
{
	uint8_t *p = buf;

	for (unsigned int i = 0; i < chain->nr && i < chain->max && len; i++) {
		const struct virtq_seg *s = &chain->seg[i];
		size_t n = s->len < len ? s->len : len;

		if (s->write || (n && guest_mem_read(c->vq[0].mem, s->addr, p, n)))
			return false;
		p += n;
		len -= n;
	}
	return !len;
}

static void control_tx(struct console *c)
{
	struct virtq_seg seg[VIRTQ_MAX_SIZE];
	struct virtq_chain chain = { .seg = seg, .max = VIRTQ_MAX_SIZE };
	struct virtq *vq = &c->vq[Q_CONTROL_TX];
	struct virtio_console_control m;

	begin(c, vq);
	while (take(c, vq, &chain)) {
		if (read_chain(c, &chain, &m, sizeof(m)))
			control_event(c, &m);
		else
			bad_chain(c);
		give_back(c, vq, chain.head, 0);
	}
	end(c, vq);
}

/* Write to a chain's writable part. Return: bytes written, or -1 if it can't take @len. */
static ssize_t write_chain(struct console *c, const struct virtq_chain *chain, const void *buf,
			   size_t len, bool all)
{
	const uint8_t *p = buf;
	size_t room = 0, left = len;

	for (unsigned int i = 0; i < chain->nr && i < chain->max; i++) {
		if (!chain->seg[i].write)
			return -1;
		room += chain->seg[i].len;
	}
	if (!room || (all && room < len))
		return -1;
	for (unsigned int i = 0; i < chain->nr && i < chain->max && left; i++) {
		const struct virtq_seg *s = &chain->seg[i];
		size_t n = s->len < left ? s->len : left;

		if (n && guest_mem_write(c->vq[0].mem, s->addr, p, n))
			return -1;
		p += n;
		left -= n;
	}
	return (ssize_t)(len - left);
}

/* The first message a port still has to get, as bytes. */
static size_t next_message(const struct console *c, unsigned int port, uint8_t *buf,
			   unsigned int *bit)
{
	static const struct {
		unsigned int bit;
		uint16_t event;
		uint16_t value;
	} messages[] = {
		{ TELL_ADD, VIRTIO_CONSOLE_PORT_ADD, 1 },
		{ TELL_CONSOLE, VIRTIO_CONSOLE_CONSOLE_PORT, 1 },
		{ TELL_NAME, VIRTIO_CONSOLE_PORT_NAME, 1 },
		{ TELL_OPEN, VIRTIO_CONSOLE_PORT_OPEN, 1 },
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct virtio_console_control m = {
			.id = htole32(port),
			.event = htole16(messages[i].event),
			.value = htole16(messages[i].value),
		};
		size_t len = sizeof(m);

		if (!(c->pending[port] & messages[i].bit))
			continue;
		*bit = messages[i].bit;
		memcpy(buf, &m, len);
		if (*bit == TELL_NAME) {
			memcpy(buf + len, SS_AGENT_PORT, strlen(SS_AGENT_PORT));
			len += strlen(SS_AGENT_PORT);
		}
		return len;
	}
	return 0;
}

static void control_rx(struct console *c)
{
	struct virtq_seg seg[VIRTQ_MAX_SIZE];
	struct virtq_chain chain = { .seg = seg, .max = VIRTQ_MAX_SIZE };
	struct virtq *vq = &c->vq[Q_CONTROL_RX];

	begin(c, vq);
	for (unsigned int port = 0; port < CONSOLE_NR_PORTS; port++) {
		uint8_t m[sizeof(struct virtio_console_control) + sizeof(SS_AGENT_PORT)];
		unsigned int bit;
		size_t len;

		while ((len = next_message(c, port, m, &bit)) && take(c, vq, &chain)) {
			ssize_t n = write_chain(c, &chain, m, len, true);

			/* An unusable buffer is returned; the message waits for a better one. */
			if (n < 0)
				bad_chain(c);
			else
				c->pending[port] &= ~bit;
			give_back(c, vq, chain.head, n < 0 ? 0 : (uint32_t)n);
		}
	}
	end(c, vq);
}

/* --- host to guest --- */

static void agent_rx(struct console *c)
{
	struct virtq_seg seg[VIRTQ_MAX_SIZE];
	struct virtq_chain chain = { .seg = seg, .max = VIRTQ_MAX_SIZE };
	struct virtq *vq = &c->vq[Q_AGENT_RX];
	uint8_t buf[CHUNK];
	size_t len;

	begin(c, vq);
	while (c->agent_open && (len = byte_ring_peek(&c->out, buf, sizeof(buf))) &&
	       take(c, vq, &chain)) {
		ssize_t n = write_chain(c, &chain, buf, len, false);
		if (n < 0)
			bad_chain(c);
		else
			byte_ring_drop(&c->out, (size_t)n);
		give_back(c, vq, chain.head, n < 0 ? 0 : (uint32_t)n);
	}
	end(c, vq);
}

/* --- a turn --- */

void console_serve(struct console *c)
{
	const struct guest_mem *mem = virtio_mmio_mem(&c->mmio);

	c->more = false;
	if (!c->active || c->broken)
		return;
	if (!mem) {
		if (!c->warned_mem)
			ss_warn("console: a kick before there is guest memory: dropped");
		c->warned_mem = true;
		return;
	}
	for (unsigned int q = 0; q < CONSOLE_NR_QUEUES && !c->vq[q].mem; q++)
		virtq_set_mem(&c->vq[q], mem);
	control_tx(c);
	control_rx(c);
	port_tx(c, 0);
	port_tx(c, 1);
	agent_rx(c);
}
