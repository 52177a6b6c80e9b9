// SPDX-License-Identifier: GPL-2.0-only
/* The console on a mock guest: what Linux's driver does, and what it never would. */
#include "mock_guest.h"
#include "ss_agent.h"
#include "ss_harness.h"
#include "virtio/byte_ring.h"
#include "virtio/console.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RX0, TX0, CTL_RX, CTL_TX, RX1, TX1, NR_QUEUES };

#define SIZE	 64
#define BUF	 GUEST_BIG			/* 0x1000 a queue and slot */
#define CTL_BUF	 (GUEST_BIG + 0x100000)
#define CTL_MSG	 (GUEST_BIG + 0x180000)

FIXTURE(con)
{
	struct mock_guest g;
	struct mock_queue q[NR_QUEUES];
	struct console *c;
	struct virtio_mmio *m;
	char out[1 << 16];
	size_t out_len, out_calls;
	unsigned int msg;
};

static void output(void *ctx, const char *text, size_t len)
{
	struct ss_fx_con *self = ctx;

	self->out_calls++;
	if (self->out_len + len <= sizeof(self->out))
		memcpy(self->out + self->out_len, text, len);
	self->out_len += len;
}

static void notify(struct ss_fx_con *self, unsigned int q)
{
	reg_write(self->m, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Turns until nothing is left to do. */
static void steps(struct ss_fx_con *self)
{
	for (int i = 0; i < 1000; i++)
		if (console_step(self->c) == 0)
			return;
	ASSERT_TRUE(false) { TH_LOG("the console never comes to rest"); }
}

static void bring_up(struct ss_fx_con *self, uint64_t features)
{
	mock_negotiate(self->m, features);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
	steps(self);
}

#define FEATURES (FEAT(VIRTIO_F_VERSION_1) | FEAT(VIRTIO_CONSOLE_F_MULTIPORT))

FIXTURE_SETUP(con)
{
	struct console_config cfg = { .output = output, .ctx = self, .manual = true };

	mock_guest_init(&self->g);
	ASSERT_EQ(console_create(&cfg, &self->c), 0);
	self->m = console_mmio(self->c);
	virtio_mmio_set_mem(self->m, &self->g.mem);
	bring_up(self, FEATURES);
}

FIXTURE_TEARDOWN(con)
{
	EXPECT_EQ(console_destroy(self->c), 0);
	mock_guest_free(&self->g);
}

/* --- what a driver does --- */

static void offer_control_buffers(struct ss_fx_con *self, unsigned int nr, uint32_t len)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct mock_piece p = { CTL_BUF + 0x1000 * i, len, true };

		mock_chain(&self->q[CTL_RX], &p, 1);
	}
	notify(self, CTL_RX);
	steps(self);
}

static void send_control(struct ss_fx_con *self, uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control msg = { .id = id, .event = event, .value = value };
	struct mock_piece p = { CTL_MSG + 0x10 * (self->msg++ % 64), sizeof(msg), false };

	memcpy(mock_ptr(&self->g, p.addr, sizeof(msg)), &msg, sizeof(msg));
	mock_chain(&self->q[CTL_TX], &p, 1);
	notify(self, CTL_TX);
	steps(self);
}

struct received {
	struct virtio_console_control m;
	char name[64];
};

static bool control(struct ss_fx_con *self, struct received *r)
{
	uint32_t id, len;
	uint8_t *p;

	if (!mock_used(&self->q[CTL_RX], &id, &len))
		return false;
	p = mock_ptr(&self->g, CTL_BUF + 0x1000ULL * id, 4096);
	memset(r, 0, sizeof(*r));
	memcpy(&r->m, p, sizeof(r->m));
	if (len > sizeof(r->m))
		memcpy(r->name, p + sizeof(r->m), len - sizeof(r->m));
	return true;
}

static void open_agent_port(struct ss_fx_con *self)
{
	send_control(self, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* Write text on a port; @nr pieces of equal length. */
static void guest_write(struct ss_fx_con *self, unsigned int q, const char *text, size_t len)
{
	struct mock_piece p = { BUF + 0x8000 * q, (uint32_t)len, false };

	memcpy(mock_ptr(&self->g, p.addr, len), text, len);
	mock_chain(&self->q[q], &p, 1);
	notify(self, q);
}

static size_t agent_read(struct ss_fx_con *self, void *buf, size_t size)
{
	ssize_t n = console_agent_read(self->c, buf, size);

	return n < 0 ? 0 : (size_t)n;
}

static bool readable(const struct ss_fx_con *self)
{
	return mock_wait_fd(console_agent_fd(self->c), 0);
}

static uint32_t used_len(struct ss_fx_con *self, unsigned int q)
{
	uint32_t id, len = UINT32_MAX;

	EXPECT_TRUE(mock_used(&self->q[q], &id, &len));
	return len;
}

TEST_F(con, identity, .title = "a console device with two ports in its config space")
{
	uint32_t ports = 0;
	uint8_t bytes[16];

	EXPECT_EQ(reg_read(self->m, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_CONSOLE);
	EXPECT_EQ(virtio_mmio_queue_count(self->m), NR_QUEUES);
	virtio_mmio_read(self->m, VIRTIO_MMIO_CONFIG + 4, &ports, 4);
	EXPECT_EQ(ports, 2);
	virtio_mmio_read(self->m, VIRTIO_MMIO_CONFIG + 64, bytes, 8);
	EXPECT_EQ(bytes[0], 0);
	EXPECT_TRUE(mock_offered(self->m) & FEAT(VIRTIO_CONSOLE_F_MULTIPORT));
}

TEST_F(con, handshake, .title = "5.3.6: ports are added, named and opened in the order of the driver's answers")
{
	struct received r;

	offer_control_buffers(self, 16, 4096);
	send_control(self, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (uint32_t port = 0; port < 2; port++) {
		ASSERT_TRUE(control(self, &r));
		EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_ADD);
		EXPECT_EQ(r.m.id, port);
	}
	EXPECT_FALSE(control(self, &r));

	send_control(self, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_CONSOLE_PORT);
	EXPECT_EQ(r.m.value, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_OPEN);

	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_NAME);
	EXPECT_EQ(r.m.id, 1);
	EXPECT_STREQ(r.name, SS_AGENT_PORT);
	ASSERT_TRUE(control(self, &r));
	EXPECT_EQ(r.m.event, VIRTIO_CONSOLE_PORT_OPEN);
	EXPECT_EQ(r.m.value, 1);
	EXPECT_FALSE(control(self, &r));
}

TEST_F(con, late_buffers, .title = "control messages wait for buffers, and a flood of requests piles up nothing")
{
	struct received r;
	unsigned int n = 0;

	for (int i = 0; i < 500; i++)
		send_control(self, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	EXPECT_FALSE(control(self, &r));
	offer_control_buffers(self, 16, 4096);
	while (control(self, &r))
		n++;
	EXPECT_EQ(n, 2);
}

TEST_F(con, short_buffer, .title = "a control buffer too short for its message comes back empty, the message stays")
{
	struct console_stats stats;
	struct received r;

	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	offer_control_buffers(self, 1, 12);
	EXPECT_EQ(used_len(self, CTL_RX), 0);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_chains, 1);
	mock_queue_init(&self->q[CTL_RX], &self->g, CTL_RX, SIZE);
	bring_up(self, FEATURES);
	send_control(self, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	offer_control_buffers(self, 4, 4096);
	ASSERT_TRUE(control(self, &r));
	EXPECT_STREQ(r.name, SS_AGENT_PORT);
}

TEST_F(con, bad_control, .title = "control messages for a port or event that isn't there are counted and ignored")
{
	struct console_stats stats;
	struct received r;

	offer_control_buffers(self, 4, 4096);
	send_control(self, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	send_control(self, UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 1);
	send_control(self, 1, 0xffff, 1);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_control, 3);
	EXPECT_FALSE(control(self, &r));
}

TEST_F(con, console_output, .title = "what the guest writes to port 0 comes out, over segments and regions")
{
	const char *text = "Linux version 7.3\n";
	struct mock_piece p[] = {
		{ GUEST_HIGH - 9, 18, false }, /* over the border of two regions */
		{ GUEST_BIG, 0, false },
		{ GUEST_BIG, 4, false },
	};

	ASSERT_EQ(guest_mem_write(&self->g.mem, p[0].addr, text, 18), 0);
	memcpy(mock_ptr(&self->g, GUEST_BIG, 4), "end\n", 4);
	mock_chain(&self->q[TX0], p, 3);
	notify(self, TX0);
	steps(self);
	ASSERT_EQ(self->out_len, 22);
	EXPECT_MEMEQ(self->out, "Linux version 7.3\nend\n", 22);
	EXPECT_EQ(used_len(self, TX0), 0);
	EXPECT_FALSE(readable(self));
}

TEST_F(con, agent_in, .title = "what the guest writes to port 1 is read as one stream; the fd says when")
{
	char buf[32];

	EXPECT_FALSE(readable(self));
	EXPECT_EQ(console_agent_read(self->c, buf, sizeof(buf)), -EAGAIN);
	guest_write(self, TX1, "hello ", 6);
	guest_write(self, TX1, "hello ", 6);
	steps(self);
	EXPECT_TRUE(readable(self));
	EXPECT_EQ(agent_read(self, buf, 5), 5);
	EXPECT_TRUE(readable(self));
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 7);
	EXPECT_MEMEQ(buf, " hello ", 7);
	EXPECT_FALSE(readable(self));
	EXPECT_EQ(self->out_len, 0);
}

/* Fill port 1 with a pattern that shows any byte lost, doubled or moved. */
static void pattern(uint8_t *p, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((from + i) * 31 + (from + i) / 251);
}

TEST_F(con, back_pressure, .title = "a runner that doesn't read stops the guest's writer; no byte is lost")
{
	const size_t chunk = 0x6000;
	size_t sent = 0, got = 0, total = 2 * CONSOLE_IN_SIZE;
	unsigned int done = 0;
	uint8_t *want = malloc(chunk), *buf = malloc(chunk);
	uint32_t id, len;

	ASSERT_NOT_NULL(want);
	ASSERT_NOT_NULL(buf);
	for (; sent < total; sent += chunk) {
		struct mock_piece p = { BUF + sent, (uint32_t)chunk, false };

		pattern(mock_ptr(&self->g, p.addr, chunk), sent, chunk);
		mock_chain(&self->q[TX1], &p, 1);
	}
	notify(self, TX1);
	steps(self);
	while (mock_used(&self->q[TX1], &id, &len))
		done++;
	/* What has gone fits the buffer; the rest is the guest's still. */
	EXPECT_EQ(done, CONSOLE_IN_SIZE / chunk);
	while (got < sent) {
		size_t n = agent_read(self, buf, got % 7000 + 1);

		ASSERT_GT(n, 0);
		pattern(want, got, n);
		ASSERT_MEMEQ(buf, want, n);
		got += n;
		steps(self);
	}
	while (mock_used(&self->q[TX1], &id, &len))
		done++;
	EXPECT_EQ(done, sent / chunk);
	EXPECT_FALSE(readable(self));
	free(want);
	free(buf);
}

TEST_F(con, agent_out, .title = "what the runner writes fills the guest's buffers as they come")
{
	struct mock_piece p = { BUF, 4, true };

	open_agent_port(self);
	ASSERT_EQ(console_agent_write(self->c, "abcdefghij", 10), 0);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	for (int i = 0; i < 3; i++) {
		p.addr = BUF + 16 * i;
		mock_chain(&self->q[RX1], &p, 1);
	}
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_EQ(used_len(self, RX1), 2);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF, 4), "abcd", 4);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF + 32, 2), "ij", 2);
}

TEST_F(con, not_open, .title = "bytes for a port the guest hasn't opened wait until it has")
{
	struct mock_piece p = { BUF, 64, true };

	mock_chain(&self->q[RX1], &p, 1);
	ASSERT_EQ(console_agent_write(self->c, "x", 1), 0);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	open_agent_port(self);
	EXPECT_EQ(used_len(self, RX1), 1);
}

TEST_F(con, out_bound, .title = "the runner's writes never block: all or nothing, then -EAGAIN")
{
	size_t len = CONSOLE_OUT_SIZE / 2 + 1;
	char *buf = calloc(1, CONSOLE_OUT_SIZE + 1);

	ASSERT_NOT_NULL(buf);
	EXPECT_EQ(console_agent_write(self->c, buf, CONSOLE_OUT_SIZE + 1), -EMSGSIZE);
	EXPECT_EQ(console_agent_write(self->c, buf, len), 0);
	EXPECT_EQ(console_agent_write(self->c, buf, len), -EAGAIN);
	EXPECT_EQ(console_agent_write(self->c, buf, len - 2), 0);
	EXPECT_EQ(console_agent_write(self->c, buf, 1), -EAGAIN);
	free(buf);
}

TEST_F(con, interrupts, .title = "a turn that publishes raises the used-buffer bit and interrupts; an idle one doesn't")
{
	reg_write(self->m, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	mock_eventfd(virtio_mmio_irq_fd(self->m));
	notify(self, TX0);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	guest_write(self, TX0, "x", 1);
	steps(self);
	EXPECT_EQ(reg_read(self->m, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
}

TEST_F(con, event_idx, .title = "with EVENT_IDX the driver is interrupted when its event is crossed, not before")
{
	bring_up(self, FEATURES | FEAT(VIRTIO_RING_F_EVENT_IDX));
	mock_eventfd(virtio_mmio_irq_fd(self->m));
	mock_set_used_event(&self->q[TX0], 1);
	guest_write(self, TX0, "a", 1);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	EXPECT_EQ(mock_avail_event(&self->q[TX0]), 1);
	guest_write(self, TX0, "b", 1);
	steps(self);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
	EXPECT_EQ(self->out_len, 2);
}

/* --- a hostile guest --- */

TEST_F(con, bad_chains, .title = "chains of the wrong direction or unmapped are given back and counted")
{
	struct mock_piece writable = { BUF, 8, true }, hole = { GUEST_HOLE, 8, false };
	struct mock_piece wraps = { UINT64_MAX - 3, 8, false }, readable_rx = { BUF, 8, false };
	struct console_stats stats;

	open_agent_port(self);
	mock_chain(&self->q[TX0], &writable, 1);
	mock_chain(&self->q[TX0], &hole, 1);
	mock_chain(&self->q[TX1], &wraps, 1);
	mock_chain(&self->q[CTL_TX], &writable, 1);
	mock_chain(&self->q[CTL_TX], &(struct mock_piece){ BUF, 7, false }, 1);
	mock_chain(&self->q[RX1], &readable_rx, 1);
	ASSERT_EQ(console_agent_write(self->c, "y", 1), 0);
	notify(self, TX0);
	steps(self);
	console_stats(self->c, &stats);
	EXPECT_EQ(stats.bad_chains, 6);
	EXPECT_EQ(self->out_len, 0);
	EXPECT_FALSE(readable(self));
	/* All of them came back, and the byte was not lost with the bad buffer. */
	EXPECT_EQ(mock_used_idx(&self->q[TX0]), 2);
	EXPECT_EQ(used_len(self, RX1), 0);
	mock_chain(&self->q[RX1], &writable, 1);
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 1);
	EXPECT_EQ(*(char *)mock_ptr(&self->g, BUF, 1), 'y');
}

TEST_F(con, rx_hole, .title = "a receive buffer that is partly unmapped takes nothing and loses nothing")
{
	struct mock_piece p = { GUEST_HOLE - 2, 8, true }, good = { BUF, 8, true };

	open_agent_port(self);
	mock_chain(&self->q[RX1], &p, 1);
	mock_chain(&self->q[RX1], &good, 1);
	ASSERT_EQ(console_agent_write(self->c, "abcd", 4), 0);
	steps(self);
	EXPECT_EQ(used_len(self, RX1), 0);
	EXPECT_EQ(used_len(self, RX1), 4);
	EXPECT_MEMEQ(mock_ptr(&self->g, BUF, 4), "abcd", 4);
}

TEST_F(con, poison, .title = "a broken ring stops the device until a reset, the other queues too")
{
	unsigned int calls;

	mock_eventfd(virtio_mmio_irq_fd(self->m));
	mock_set_avail_idx(&self->q[CTL_TX], SIZE + 1);
	notify(self, CTL_TX);
	steps(self);
	EXPECT_TRUE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_TRUE(reg_read(self->m, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 1);
	calls = (unsigned int)self->out_calls;
	guest_write(self, TX0, "no", 2);
	steps(self);
	EXPECT_EQ(self->out_calls, calls);
	EXPECT_EQ(mock_eventfd(virtio_mmio_irq_fd(self->m)), 0);
	bring_up(self, FEATURES);
	guest_write(self, TX0, "yes", 3);
	steps(self);
	ASSERT_EQ(self->out_len, 3);
	EXPECT_MEMEQ(self->out, "yes", 3);
}

TEST_F(con, used_unmapped, .title = "a used ring that isn't there breaks the device, once, without a crash")
{
	mock_negotiate(self->m, FEATURES);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		self->q[i].used = GUEST_HOLE + 0x1000 * i;
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
	guest_write(self, TX0, "x", 1);
	steps(self);
	EXPECT_TRUE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

TEST_F(con, no_starvation, .title = "a port that never stops writing leaves the others their turn")
{
	struct mock_piece big = { GUEST_BIG, (uint32_t)GUEST_BIG_SIZE, false };
	char buf[8];

	for (int i = 0; i < 16; i++)
		mock_chain(&self->q[TX0], &big, 1); /* 36 MiB in one go */
	guest_write(self, TX1, "hi", 2);
	notify(self, TX0);
	console_step(self->c);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 2);
	EXPECT_LT(self->out_len, 1u << 20);
	steps(self);
	EXPECT_EQ(self->out_len, 16 * GUEST_BIG_SIZE);
}

/* --- life --- */

TEST_F(con, reset, .title = "a reset drops what was queued for the guest, and a held chain; sent bytes stay")
{
	struct mock_piece p = { BUF, 64, true };
	size_t got = 0, n;
	char buf[4096];

	open_agent_port(self);
	guest_write(self, TX1, "kept", 4);
	steps(self);
	ASSERT_EQ(console_agent_write(self->c, "stale", 5), 0);
	bring_up(self, FEATURES);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 4);
	open_agent_port(self);
	mock_chain(&self->q[RX1], &p, 1);
	notify(self, RX1);
	steps(self);
	EXPECT_EQ(mock_used_idx(&self->q[RX1]), 0);
	/* Held half-way in the full buffer, then gone with the reset. */
	p = (struct mock_piece){ BUF, CONSOLE_IN_SIZE + 100, false };
	mock_chain(&self->q[TX1], &p, 1);
	notify(self, TX1);
	steps(self);
	bring_up(self, FEATURES);
	while ((n = agent_read(self, buf, sizeof(buf)))) {
		got += n;
		steps(self);
	}
	EXPECT_EQ(got, CONSOLE_IN_SIZE);
	guest_write(self, TX1, "new", 3);
	steps(self);
	EXPECT_EQ(agent_read(self, buf, sizeof(buf)), 3);
}

TEST_F(con, queues_not_ready, .title = "a driver that sets up no queue at all does no harm")
{
	mock_negotiate(self->m, FEATURES);
	mock_driver_ok(self->m);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		notify(self, i);
	steps(self);
	EXPECT_FALSE(virtio_mmio_status(self->m) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* --- with its thread --- */

struct sum {
	size_t len;
};

static void count(void *ctx, const char *text, size_t len)
{
	struct sum *s = ctx;

	(void)text;
	__atomic_fetch_add(&s->len, len, __ATOMIC_RELAXED);
}

#define STREAM (4u << 20)

/* A driver that keeps its transmit queue full until the whole stream is through. */
static void *guest_thread(void *arg)
{
	struct ss_fx_con *self = arg;
	struct mock_queue *q = &self->q[TX1];
	size_t sent = 0, done = 0;

	while (done < STREAM) {
		uint32_t id, len;

		while (sent < STREAM && sent - done < 16 * 4096) {
			struct mock_piece p = { BUF + sent % (16 * 4096), 4096, false };

			pattern(mock_ptr(&self->g, p.addr, 4096), sent, 4096);
			mock_chain(q, &p, 1);
			sent += 4096;
		}
		notify(self, TX1);
		while (!mock_used(q, &id, &len))
			if (!mock_wait_fd(virtio_mmio_irq_fd(self->m), 10000))
				return (void *)1;
		mock_eventfd(virtio_mmio_irq_fd(self->m));
		do
			done += 4096;
		while (mock_used(q, &id, &len));
	}
	return NULL;
}

TEST(threaded, .title = "4 MiB through the worker, with a guest and a reader of their own, arrive whole")
{
	static struct ss_fx_con fx;
	struct ss_fx_con *self = &fx;
	struct sum sum = { 0 };
	struct console_config cfg = { .output = count, .ctx = &sum };
	static uint8_t buf[10000], want[10000];
	size_t got = 0;
	pthread_t t;
	void *ret;

	mock_guest_init(&self->g);
	ASSERT_EQ(console_create(&cfg, &self->c), 0);
	self->m = console_mmio(self->c);
	virtio_mmio_set_mem(self->m, &self->g.mem);
	mock_negotiate(self->m, FEATURES);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		mock_queue_init(&self->q[i], &self->g, i, SIZE);
		mock_setup_queue(self->m, &self->q[i]);
	}
	mock_driver_ok(self->m);
	ASSERT_EQ(pthread_create(&t, NULL, guest_thread, self), 0);
	while (got < STREAM) {
		size_t n;

		ASSERT_TRUE(mock_wait_fd(console_agent_fd(self->c), 10000));
		n = agent_read(self, buf, sizeof(buf));
		pattern(want, got, n);
		ASSERT_MEMEQ(buf, want, n);
		got += n;
	}
	ASSERT_EQ(pthread_join(t, &ret), 0);
	EXPECT_NULL(ret);
	EXPECT_EQ(console_destroy(self->c), 0);
	mock_guest_free(&self->g);
}

/* --- the byte ring --- */

TEST(ring, .title = "byte ring: wraps, bounds, all-or-nothing")
{
	struct byte_ring r;
	char buf[16];

	ASSERT_EQ(byte_ring_init(&r, 8, true), 0);
	EXPECT_EQ(byte_ring_put(&r, "abcdef", 6), 6);
	EXPECT_EQ(byte_ring_peek(&r, buf, 4), 4);
	byte_ring_drop(&r, 4);
	EXPECT_FALSE(byte_ring_put_all(&r, "1234567", 7));
	EXPECT_EQ(byte_ring_put(&r, "1234567", 7), 6);
	EXPECT_EQ(byte_ring_room(&r), 0);
	EXPECT_EQ(byte_ring_peek(&r, buf, sizeof(buf)), 8);
	EXPECT_MEMEQ(buf, "ef123456", 8);
	EXPECT_TRUE(mock_wait_fd(r.fd, 0));
	byte_ring_clear(&r);
	EXPECT_FALSE(mock_wait_fd(r.fd, 0));
	EXPECT_EQ(byte_ring_peek(&r, buf, sizeof(buf)), 0);
	byte_ring_destroy(&r);
}

TEST_HARNESS_MAIN
